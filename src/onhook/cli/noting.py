"""What a command changes goes into the audit, with the name of the system's user who ran it."""

import os
import pwd

from onhook.store.noted import AuditEntry


def note(what: str, which: str, detail: str = "") -> AuditEntry:
    """``what`` is the command (``app remove``), ``which`` an id; for whoever makes the change."""
    return AuditEntry(_user(), "cli", what, which, detail)


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container
        return f"uid {os.getuid()}"
