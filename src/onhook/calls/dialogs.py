"""What it takes to end a call at its phones after a restart, as it is stored. Pure.

A call has one dialog, or two while it is joined to a peer, or none yet. A record of a call that is not
over always says something, so that a start finds it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from onhook.phone.dialog import DialogRecord


@dataclass(frozen=True, slots=True)
class OpenDialog:
    """One dialog, and the name of the trunk that it went through; empty for one that came in."""

    record: DialogRecord
    trunk: str = ""


def written(dialogs: Sequence[OpenDialog]) -> str:
    """The dialogs as one text; never empty."""
    return json.dumps(
        {"dialogs": [{**one.record.as_dict(), "trunk": one.trunk} for one in dialogs]}
    )


def read(text: str) -> tuple[OpenDialog, ...]:
    """The reverse; also reads what earlier versions wrote. Raises ValueError."""
    found = json.loads(text)
    match found:
        case {"dialogs": [*several]}:
            return tuple(_one(dialog) for dialog in several)
        case dict():
            return (_one(found),)
    raise ValueError("not the dialogs of a call")


def renumbered(text: str) -> str:
    """Leaves a number of each dialog to this start: the BYE of the one before may have been sent, and
    numbers only rise (RFC 3261, 12.2.1.1). What cannot be read stays as it is."""
    try:
        dialogs = read(text)
    except ValueError:
        return text
    return written(
        [
            replace(one, record=replace(one.record, next_cseq=one.record.next_cseq + 1))
            for one in dialogs
        ]
    )


def _one(dialog: Mapping[str, object]) -> OpenDialog:
    return OpenDialog(DialogRecord.from_dict(dialog), str(dialog.get("trunk", "")))
