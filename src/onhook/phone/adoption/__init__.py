"""Legs that another process had, made again of what they kept (`phone.kept`).

`leg` has what both kinds have in common, `incoming` the calls to us, `outgoing` those of ours; `adopting`
says which it is.
"""
