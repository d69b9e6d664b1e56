"""What a call's record says beside its columns: what its notifications carry, and who else is told. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from onhook.call import Contact, Fields
from onhook.store import CallRecord


@dataclass(frozen=True, slots=True)
class Facts:
    """``always`` is in every notification of the call, ``fields`` in the terminal one as things are
    now; ``monitor`` gets a terminal notification of its own."""

    always: Mapping[str, str] = field(default_factory=dict)
    fields: Fields = ()
    monitor: Contact | None = None
    received_s: str = ""
    """Of a call that the network ended: up to which second after the answer the phone is known to have
    received what it was sent; empty if it never said so."""

    format: str = ""
    """How its application is told: ``json``; empty is as a form."""

    def text(self) -> str:
        """As it is stored; empty if there is nothing."""
        found: dict[str, object] = {}
        if self.always:
            found["always"] = dict(self.always)
        if self.fields:
            found["fields"] = dict(self.fields)
        if self.monitor is not None:
            told = self.monitor
            found["monitor"] = [told.block, told.url, told.tag, dict(told.fields)]
        if self.received_s:
            found["received_s"] = self.received_s
        if self.format:
            found["format"] = self.format
        return json.dumps(found, ensure_ascii=False) if found else ""


def facts_of(record: CallRecord) -> Facts:
    """What the record says; nothing, where it cannot be read."""
    try:
        found = json.loads(record.facts or "{}")
    except ValueError:
        return Facts()
    monitor: Contact | None = None
    match found.get("monitor"):
        case [str(block), str(url), str(tag), dict(fields)]:
            monitor = Contact(block, url, tag, tuple(fields.items()))
    return Facts(
        found.get("always", {}),
        tuple(found.get("fields", {}).items()),
        monitor,
        str(found.get("received_s", "")),
        str(found.get("format", "")),
    )
