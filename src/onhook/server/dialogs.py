"""What it takes to end a call at its phones after a restart, as it is stored. Pure.

A call has one dialog, or two while it is joined to a peer, or none yet. A record of a call that is not
over always says something, so that a start finds it.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from onhook.phone.dialog import DialogRecord


def written(dialogs: Sequence[DialogRecord]) -> str:
    """The dialogs as one text; never empty."""
    return json.dumps({"dialogs": [dialog.as_dict() for dialog in dialogs]})


def read(text: str) -> tuple[DialogRecord, ...]:
    """The reverse; also reads what earlier versions wrote. Raises ValueError."""
    found = json.loads(text)
    match found:
        case {"dialogs": [*several]}:
            return tuple(DialogRecord.from_dict(one) for one in several)
        case dict():
            return (DialogRecord.from_dict(found),)
    raise ValueError("not the dialogs of a call")


def renumbered(text: str) -> str:
    """Leaves a number of each dialog to this start: the BYE of the one before may have been sent, and
    numbers only rise (RFC 3261, 12.2.1.1). What cannot be read stays as it is."""
    try:
        dialogs = read(text)
    except ValueError:
        return text
    return written([replace(one, next_cseq=one.next_cseq + 1) for one in dialogs])
