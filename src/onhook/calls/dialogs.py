"""What it takes to end a call at its phones after a restart, as its record keeps it. Pure.

A call has one dialog, or two while it is joined to a peer, or none yet. A record of a call that is not
over always says that something is left, so that a start finds it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from onhook.phone.dialog import DialogRecord
from onhook.store import StoredDialogs


@dataclass(frozen=True, slots=True)
class OpenDialog:
    """One dialog, and the name of the trunk that it went through; empty for one that came in."""

    record: DialogRecord
    trunk: str = ""


def kept(dialogs: Sequence[OpenDialog]) -> StoredDialogs:
    """The dialogs for the record of a call that is still to be ended at a phone."""
    return StoredDialogs(tuple({**one.record.as_dict(), "trunk": one.trunk} for one in dialogs))


def read(stored: StoredDialogs) -> tuple[OpenDialog, ...]:
    """The reverse; also reads what earlier versions kept. Raises ValueError."""
    return tuple(_one(dialog) for dialog in stored.several)


def renumbered(stored: StoredDialogs) -> StoredDialogs:
    """Leaves a number of each dialog to this start: the BYE of the one before may have been sent, and
    numbers only rise (RFC 3261, 12.2.1.1). What cannot be read stays as it is."""
    try:
        dialogs = read(stored)
    except ValueError:
        return stored
    if not dialogs:
        return stored
    return kept(
        [
            replace(one, record=replace(one.record, next_cseq=one.record.next_cseq + 1))
            for one in dialogs
        ]
    )


def _one(dialog: Mapping[str, object]) -> OpenDialog:
    return OpenDialog(DialogRecord.from_dict(dialog), str(dialog.get("trunk", "")))
