"""Onhook, a self-hosted voice API: steer real phone calls by HTTP, one block at a time."""

__version__ = "0.1.0"
