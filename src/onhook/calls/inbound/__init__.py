"""Calls that come in by trunks: from whose addresses (`watch`, `names`), with which numbers (`reading`)."""
