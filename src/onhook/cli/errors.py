"""What a command answers with instead of a traceback."""


class CommandError(Exception):
    """The command cannot be carried out; the message is one sentence for the operator."""
