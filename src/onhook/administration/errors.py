"""What is answered to somebody who wants what cannot be."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # commands load this before they know what they are for
    from onhook.store.noted import AuditEntry


class NotPossible(Exception):
    """It cannot be done; the message is one sentence for the operator, in the words of the command."""


Note: TypeAlias = "Callable[[str, str, str], AuditEntry]"
"""The entry for the audit, in the name of whoever asks: what is done (``app remove``), of which thing, and
what else there is to say. It is written in the transaction of the change."""
