"""How a text is read: what an engine would misread is written out in the words of its language.

Pure but for `reader`, which stands between a message and its voice.
"""
