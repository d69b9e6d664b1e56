"""From the text of a message to prompts: markup, voices, downloads and what is kept of them.

`markup.parse` reads a message, `renderer.Renderer` turns it into prompts; every way in which that
can fail is a leaf of the tree in `errors`.
"""
