"""Telling applications what happened: ordered delivery, signatures, and which URLs may be called."""
