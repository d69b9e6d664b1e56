"""Looks after trunks: registers with those that want it, asks others whether they are there, knows how each
is.

`health` (what is known of a trunk; pure), `keeper` (what is done for one), `claims` (which trunks are this
worker's), `watch` (all of them, as the operator adds, changes and removes them).
"""
