"""What a command answers with instead of a traceback."""

from onhook.administration.errors import NotPossible

CommandError = NotPossible
"""The command cannot be carried out; the message is one sentence for the operator."""
