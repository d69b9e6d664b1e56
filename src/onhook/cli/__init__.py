"""The ``onhook`` command."""

from onhook.cli.main import main

__all__ = ["main"]
