"""Notifications, and which URLs may be called."""
