"""The numbers that are called, of every engine."""

HANGUP, PLAY, PROBE = "+6531000001", "+6531000002", "+6531000003"
"""The application hangs up with a message; it plays; the caller is its own application."""
