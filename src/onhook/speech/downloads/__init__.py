"""From the URL of a recording to its prompt: downloaded or confirmed, mended, decoded, remembered.

What strangers' files are given to runs in a process of its own, `decoding_child`.
"""
