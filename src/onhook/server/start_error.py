"""What keeps a process from starting."""


class StartError(Exception):
    """The process cannot start; the message is one sentence that says why and what to do."""
