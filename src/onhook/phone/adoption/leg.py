"""What a leg does that is taken over from another process, whoever placed the call."""

import json
from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from onhook.phone.kept.reading import Fields, KeptUnreadable
from onhook.phone.leg import AwaitedAck, Leg
from onhook.phone.lifecycle import CallState
from onhook.phone.message import Request

_STEPS = 8
"""In so many steps a time to wait is rounded up: each length of a wait costs something."""


class AdoptedLeg(Leg):
    """It is where the other process was, and begins to move with `go_on`."""

    def resume(self, fields: Fields, keys: Mapping[str, str]) -> None:
        """Be where the other process was; nothing leaves. The trunk is taken by now, and the dialog there.

        Raises `KeptUnreadable`.
        """
        self.state = fields.choice("state", CallState)
        if self.state is CallState.ENDED:
            raise KeptUnreadable("a leg that is over")
        self._closes = self.state is CallState.CLOSING
        self._session.resume(fields.part("session"), keys)
        self._keeper.resume(fields.part("timer"))
        if fields.has("parting"):
            parting = fields.part("parting")
            self._bye_headers = parting.pairs("bye")
            self.parting_headers = parting.pairs("more")
        if fields.has("reinvite"):
            self._resume_reinvite(fields.part("reinvite"), keys)
        if fields.has("accepted"):
            self._unacknowledged = self._awaited(fields.part("accepted"), keys)
        self._inherited = self._unacknowledged

    def go_on(self) -> None:
        """The endpoint reads from now on: what was under way goes on."""
        self._repeat_accepted()
        if self._closes and self.state is CallState.CLOSING:
            self._bye()
        elif self.state not in (CallState.CLOSING, CallState.ENDED):
            self._keeper.go_on(waits=self._reinvite is not None)
            if self._reinvite is not None:
                self._reinvite.send(self._asked[0], self._session.said)

    def requested(self, request: Request) -> None:
        """As of any leg. Whoever offers something else has acknowledged what it was answered before (RFC 3261
        14.1), to the other process."""
        waiting = self._unacknowledged
        if (
            waiting is not None
            and waiting is self._inherited
            and not waiting.offered
            and request.method in ("INVITE", "UPDATE")
            and request.cseq > waiting.cseq
        ):
            self._settle()
            self._acknowledged(None, False)
        super().requested(request)

    def abandon(self) -> None:
        """Forget it without a word to anybody: its owner cannot go on with the call after all."""
        waiting, self._unacknowledged = self._unacknowledged, None
        super().abandon()
        if waiting is not None:
            waiting.transaction.terminate()
        self._signalling.forget(self)

    def _resume_reinvite(self, fields: Fields, keys: Mapping[str, str]) -> None:
        """A re-INVITE that may have left, and is sent again as it was."""
        headers, cseq = fields.pairs("headers"), fields.number("cseq")
        shown = Fields({"shown": json.loads(keys.get("reinvite", "[]"))}, "reinvite").pairs("shown")
        self._reinvited_by(
            replace(self.dialog.record(), next_cseq=cseq),
            shown,
            headers,
            self._keeper.asking(headers),
            fields.numbers("tried"),
            fields.text("token"),
        )

    def _awaited(self, fields: Fields, keys: Mapping[str, str]) -> AwaitedAck:
        """A 2xx that waits for its ACK."""
        text = keys["accepted"] if "accepted" in keys else fields.text("text")
        data = text.encode("utf-8", "surrogateescape")
        key, cseq, peer = fields.texts("key"), fields.number("cseq"), fields.address("peer")
        offered = fields.flag("offered")
        match fields.texts("merge"), fields.seconds("until_s"):
            case (call_id, from_tag), float(until_s) if key:
                transaction = self._signalling.transactions.resume_accepted(
                    key, peer, (call_id, from_tag, cseq)
                )
                transaction.on_unacknowledged = self._no_ack
                return AwaitedAck(transaction, cseq, offered, data, until_s)
        raise KeptUnreadable("accepted is no transaction")

    def _repeat_accepted(self) -> None:
        waiting = self._unacknowledged
        if waiting is not None:
            whole_s = 64 * self._signalling.t1_s
            left = min(max(waiting.until_s - self._signalling.now(), 0.0) / whole_s, 1.0)
            left_s = max(1, ceil(left * _STEPS)) * whole_s / _STEPS
            waiting.transaction.go_on(waiting.data, left_s)
