"""A call of ours that another process had."""

import json
from collections.abc import Mapping
from dataclasses import replace

from onhook.phone.adoption.leg import AdoptedLeg
from onhook.phone.dialog import SipDialog
from onhook.phone.kept.reading import Fields, KeptUnreadable
from onhook.phone.lifecycle import CallState
from onhook.phone.message import Response
from onhook.phone.outgoing import UNANSWERED, DiallingSignalling, OutgoingCall
from onhook.phone.outline import Outline
from onhook.phone.reason import ELSEWHERE, NORMAL, Reason
from onhook.phone.reliable.early import dialog_of
from onhook.phone.trunk import ShownCaller, Trunk


class AdoptedOutgoing(AdoptedLeg, OutgoingCall):
    """One whose INVITE had not left (`has_begun`) waits for `SipEndpoint.launch`, as one that was dialled."""

    def __init__(
        self, fields: Fields, keys: Mapping[str, str], signalling: DiallingSignalling, trunk: Trunk
    ) -> None:
        """`fields` are those of the leg, `keys` its secrets. Raises `KeptUnreadable`, or another
        ValueError."""
        mine, session = fields.part("out"), fields.part("session")
        waits = mine.part("unanswered") if mine.has("unanswered") else None
        outline = Outline(
            trunk,
            mine.text("called"),
            ShownCaller(mine.text("number"), mine.flag("private")),
            fields.part("dialog").text("call_id"),
            mine.text("tag"),
            mine.text("token"),
            waits.pairs("extra") if waits else (),
        )
        ip, port = session.text("ip"), session.numbers("at")[0]
        OutgoingCall.__init__(self, outline, None, signalling, ip=ip, port=port)
        self.dialog = SipDialog.of_kept(fields.part("dialog"), signalling.headroom)
        self.heard = mine.flag("heard")
        if mine.has("held"):
            self._inviting.to_hold = mine.address("held", names=True)
        self._begun = False
        self.resume(fields, keys)
        if self.state in UNANSWERED and waits is None:
            raise KeptUnreadable("a call without its INVITE")
        if waits is not None:
            self._wait_on(waits, keys)

    def _wait_on(self, waits: Fields, keys: Mapping[str, str]) -> None:
        """It is not answered yet."""
        invite = waits.part("invite")
        self._inviting.resume(invite, keys)
        self._begun = self._inviting.waits
        self.destination = self._inviting.sent.destination
        self.others = waits.addresses("others")
        self._challenges = waits.numbers("challenges")
        bodies = waits.mapping("bodies")
        if "early" in keys:
            bodies = Fields({"early": json.loads(keys["early"])}, "early").mapping("early")
        said = {tag: body for tag, body in bodies.items() if isinstance(body, str)}
        self._early.resume(waits.part("early"), said, self._signalling.headroom)

    @property
    def has_begun(self) -> bool:
        """Whether its INVITE has left; as far as the other process has said so."""
        return self._begun

    def go_on(self) -> None:
        """As of any leg; an INVITE without an answer goes on."""
        super().go_on()
        to_hold = self._inviting.to_hold
        if to_hold is not None and self.state is not CallState.ENDED:
            self._inviting.hold(to_hold)
        if self.state in UNANSWERED and self._inviting.waits:
            self._take_up()

    def hangup(self, reason: Reason = NORMAL) -> None:
        """As of any call of ours."""
        if self.state in UNANSWERED and self._inviting.waits:
            self._take_up()
        super().hangup(reason)

    def acknowledge_again(self, response: Response) -> None:
        """As of any call of ours; a second phone that answers is hung up (RFC 3261 13.2.2.4)."""
        super().acknowledge_again(response)
        dialog = dialog_of(self._inviting.sent, response)
        answered = self.state in (CallState.ESTABLISHED, CallState.CLOSING)
        if answered and dialog is not None and response.to_tag != self.dialog.remote_tag:
            record, requests = dialog.record(), self._dialling.requests
            requests.acknowledge(replace(record, next_cseq=response.cseq))
            requests.within(record, "BYE", (ELSEWHERE.header,))

    def start(self) -> None:
        """As of any call of ours; the INVITE of one that had begun is sent again."""
        if self._inviting.waits:
            self._take_up()
        else:
            super().start()

    def _take_up(self) -> None:
        self._inviting.go_on(
            self,
            rings=self.state is CallState.PROCEEDING,
            asks=self._keeper.asks,
            offer=self._session.said or self._session.offer(),
            parting=self._bye_headers,
        )
