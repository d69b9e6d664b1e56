"""Calls that come in: who may call us, and by which trunk.

`sources` (which trunk an address belongs to), `challenge` (digest, RFC 3261 22, for callers without an
address of their own), `door` (both, and the peers that are trusted without a trunk). Pure but for the clock
and chance that come from outside.
"""
