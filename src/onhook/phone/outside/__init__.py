"""Requests of ours outside dialogs, through a trunk: `request` (what they say) and `client` (where they go,
with which credentials, and what comes of them)."""
