"""The early dialogs of a call of ours: what the phones said that ring for it (RFC 3261 12.1.2). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onhook.phone.dialog import SipDialog
from onhook.phone.invite import MAX_FORKS, OutgoingInvite
from onhook.phone.kept.reading import Fields
from onhook.phone.message import Response

MAX_RELIABLE = 100
"""So many reliable responses of a phone are acknowledged while it rings."""


@dataclass(slots=True)
class EarlyDialog:
    """One phone that rings. `body` is what it said last of its audio; with `settled` that was reliable, and
    is its answer to our offer (RFC 3262 5); with `renegotiated` it was followed by an offer of its own."""

    dialog: SipDialog
    readable: bool
    body: bytes = b""
    rseq: int = 0
    taken: int = 0
    settled: bool = False
    again: int = 0
    """The number of one whose PRACK another process sent, or not."""
    renegotiated: bool = False

    def takes(self, rseq: int) -> bool:
        """Whether a reliable response is the next one; one that came again, or too early, is dropped
        (RFC 3262 4), and so are those beyond `MAX_RELIABLE`, for each costs a PRACK."""
        if rseq and rseq == self.again:
            self.again = 0
            return True
        if self.taken == MAX_RELIABLE or (self.rseq and rseq != self.rseq + 1):
            return False
        self.rseq, self.taken = rseq, self.taken + 1
        return True


def dialog_of(sent: OutgoingInvite, response: Response) -> SipDialog | None:
    """The dialog that a response makes; None if its route cannot be read."""
    try:
        return SipDialog.of_answer(sent, response)
    except ValueError:
        return None


class EarlyDialogs:
    """Those of one INVITE, by the tags of the phones, at most `MAX_FORKS`."""

    def __init__(self) -> None:
        self._by_tag: dict[str, EarlyDialog] = {}
        self._heard = ""

    def get(self, tag: str) -> EarlyDialog | None:
        """The dialog with the phone of this tag; None if there is none."""
        return self._by_tag.get(tag)

    def of(self, sent: OutgoingInvite, response: Response) -> EarlyDialog | None:
        """The dialog that a provisional response makes or belongs to; None where it makes none."""
        tag = response.to_tag
        known = self._by_tag.get(tag)
        if known is not None or response.status == 100 or not tag or len(self._by_tag) >= MAX_FORKS:
            return known
        dialog = dialog_of(sent, response)
        made = EarlyDialog(dialog or SipDialog.without_routes(sent, response), dialog is not None)
        self._by_tag[tag] = made
        return made

    def is_heard(self, tag: str, *, audible: bool = False) -> bool:
        """Whether the early media of a call are those of this phone: the first that is `audible` has them,
        and while none is, whoever spoke last."""
        if audible and not self._heard:
            self._heard = tag
        return self._heard in ("", tag)

    def answered(self) -> None:
        """One of them has the call. Of those that got a PRACK the numbers are kept: should one of them answer
        as well, the BYE to it has the next."""
        self._by_tag = {tag: early for tag, early in self._by_tag.items() if early.rseq}
        for early in self._by_tag.values():
            early.body = b""

    def kept(self) -> dict[str, Any]:
        """What another process needs to go on with them, but for what they said of their audio."""
        phones = [
            {
                "tag": tag,
                "dialog": early.dialog.kept(),
                "readable": early.readable,
                "rseq": early.rseq,
                "taken": early.taken,
                "settled": early.settled,
                "renegotiated": early.renegotiated,
            }
            for tag, early in self._by_tag.items()
        ]
        return {"heard": self._heard, "phones": phones}

    @property
    def bodies(self) -> dict[str, str]:
        """What they said of their audio, by tag."""
        return {
            tag: early.body.decode("utf-8", "surrogateescape")
            for tag, early in self._by_tag.items()
            if early.body
        }

    def resume(self, fields: Fields, bodies: Mapping[str, str], headroom: int) -> None:
        """Be where another process was, so many numbers later. Raises `KeptUnreadable`."""
        self._heard = fields.text("heard")
        for phone in fields.parts("phones"):
            tag = phone.text("tag")
            self._by_tag[tag] = EarlyDialog(
                SipDialog.of_kept(phone.part("dialog"), headroom),
                phone.flag("readable"),
                bodies.get(tag, "").encode("utf-8", "surrogateescape"),
                phone.number("rseq"),
                phone.number("taken"),
                phone.flag("settled"),
                phone.number("rseq"),
                phone.flag("renegotiated"),
            )

    def clear(self) -> None:
        """None of them rings any more."""
        self._by_tag.clear()
        self._heard = ""
