"""One call of ours: the INVITE and its challenges, early dialogs, the answer, and taking it back.

RFC 3261 13.2 and 9.1. A call may be answered by several phones, if a proxy asks them all: the first
that answers has it, every other one is acknowledged and hung up. Redirections are not followed: where a
stranger points to is called at our expense. As in `leg`, a callback is always the last thing that happens.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from onhook.phone.addresses import listed
from onhook.phone.bodies import description_of
from onhook.phone.cause import SipCause, cause_of_refusal, cause_of_request
from onhook.phone.dialog import DialogRecord, SipDialog
from onhook.phone.dialog_client import Signalling
from onhook.phone.digest import Authenticator
from onhook.phone.errors import SdpError, UnsupportedBody
from onhook.phone.invite import MAX_FORKS
from onhook.phone.inviting import Inviting, InvitingSignalling
from onhook.phone.leg import Leg
from onhook.phone.lifecycle import OUTGOING_MOVES, CallEvent, CallState, OutgoingListener
from onhook.phone.media_hosts import read_located
from onhook.phone.message import Address, Request, Response
from onhook.phone.outline import Outline
from onhook.phone.reason import ELSEWHERE, NORMAL, TIMER_EXPIRED, Reason, reason_of_status
from onhook.phone.reliable.early import EarlyDialogs, dialog_of
from onhook.phone.reliable.numbers import TAG, rack, rseq_of
from onhook.phone.requests import Ack
from onhook.phone.sdp import RemoteMedia
from onhook.phone.session_timer.terms import lists
from onhook.phone.trunk import Trunk

CANCELLED = SipCause(487, None, "hung up before the answer")
_TIMED_OUT = SipCause(408, None, "no answer to the INVITE")
_UNUSABLE = "the answer has no audio that can be used"

UNANSWERED = frozenset((CallState.DIALLING, CallState.PROCEEDING, CallState.WITHDRAWN))
"""Before its answer, whether it is still wanted or not."""


class DiallingSignalling(Signalling, InvitingSignalling, Protocol):
    """What a call of ours needs of its endpoint."""

    def no_connection_because(self, peer: Address) -> str:
        """Why a peer could not be reached, in words."""


class OutgoingCall(Leg):
    """A call that we place; `SipEndpoint.dial` makes it.

    `destination` is where its INVITE goes: numeric, once the trunk's servers are found. `others` are those
    that the owner may try after it, each by a call of its own; `heard` whether the server said anything.
    """

    moves = OUTGOING_MOVES
    we_called = True
    listener: OutgoingListener | None = None

    def __init__(
        self,
        outline: Outline,
        listener: OutgoingListener | None,
        signalling: DiallingSignalling,
        *,
        ip: str,
        port: int,
    ) -> None:
        super().__init__(signalling)
        self._keeper.wanted_s = outline.trunk.session_timer
        self._dialling = signalling
        self._outline = outline
        self.listener = listener
        self.state = CallState.DIALLING
        self.sip_call_id = outline.call_id
        self.take_trunk(outline.trunk)
        self._session.open(ip, port)
        self._session.security.offer(
            first=True
        )  # keys that are drawn before the call is first kept
        self._inviting = Inviting(outline, signalling)
        self._challenges: tuple[int, ...] = ()
        self._early = EarlyDialogs()
        self._answers: dict[str, Callable[[], None]] = {}
        """By the tag of each phone that answered: sends the ACK that its 2xx gets whenever it comes."""
        self._failure: SipCause | None = None
        self._port = port
        self.heard = False
        self.others: tuple[Address, ...] = ()
        self.aim(outline.destination)

    # What the endpoint does.

    @property
    def trunk(self) -> Trunk:
        """The trunk that it is placed through."""
        return self._outline.trunk

    def aim(self, destination: Address, others: tuple[Address, ...] = (), ip: str = "") -> None:
        """Write the INVITE for a destination, before anything is sent; with `ip`, our audio is there."""
        self.destination, self.others = destination, others
        if ip:
            self._session.open(ip, self._port)
        self._inviting.aim(destination)
        self.dialog = SipDialog.without_routes(self._inviting.sent)

    def start(self) -> None:
        """Send the INVITE, unless the call was taken back meanwhile."""
        if self.state is CallState.DIALLING and not self._inviting.has_begun:
            self._invite()

    def fail(self, cause: SipCause) -> None:
        """There is no call, and there will be none."""
        if self._happens(CallEvent.REFUSAL):
            self._end()
            if self.listener:
                self.listener.failed(cause)

    # What the owner does.

    def hangup(self, reason: Reason = NORMAL) -> None:
        """Send CANCEL, or BYE once it is answered; `failed` or `hangup_done` follows.

        The CANCEL waits for the first provisional response (RFC 3261 9.1). Nothing happens if the
        call is over or being ended.
        """
        if self.state in (CallState.WITHDRAWN, CallState.CLOSING, CallState.ENDED):
            return
        before = self.state
        if self._leave(reason) is CallState.CLOSING:
            self._bye()
        elif not self._inviting.has_begun:
            self.fail(CANCELLED)
        elif before is CallState.PROCEEDING:
            self._inviting.cancel(self._bye_headers)

    def give_up(self, reason: Reason) -> None:
        """Hang up because nothing at all came from its server, which counts as not being there."""
        if not self.heard:
            self._inviting.missed()
        self.hangup(reason)

    def record(self) -> DialogRecord:
        """A snapshot from which `SipEndpoint.hangup_orphan` can end this call after a restart.

        One that was taken before the answer does for every INVITE of the call, until it is answered.
        """
        waiting = self._inviting.sent if self.state in UNANSWERED else None
        return self.dialog.record(pending_out=waiting)

    # What the network does: the INVITE (InviteUser).

    def responded(self, response: Response) -> None:
        """A response to our INVITE that does not refuse it."""
        self.heard = True
        self._inviting.hear(response)
        if response.status < 200:
            self._rings(response)
        else:
            self._answered(response)

    def refused(self, response: Response, acknowledge: Callable[[], None]) -> None:
        """A response that refuses it."""
        self.heard = True
        self._inviting.hear(response)
        taken_back = self.state is CallState.WITHDRAWN and response.status in (401, 407)
        # Another INVITE may be answered better: to a challenge, or for a longer session (RFC 4028 7.3).
        better = not taken_back and (
            self._take_challenge(response, self._challenges) or self._keeper.lengthened(response)
        )
        if better and self._inviting.may_go_on and self._happens(CallEvent.CHALLENGE):
            acknowledge()
            self._challenges = (*self._challenges, response.status)
            self._early.clear()
            self._inviting.again()
            self.dialog = SipDialog.without_routes(self._inviting.sent)
            self.when_kept(self.start)
        else:
            once_kept = self.once_kept  # the owner may let go of a call that is over
            self.fail(CANCELLED if taken_back else _cause(response, self.authenticator))
            self._waiting.until(once_kept, acknowledge)

    def unanswered(self, reached: bool) -> None:
        """Nothing came back from our INVITE, or nothing more after our CANCEL."""
        if self.state is CallState.PROCEEDING:  # the connection is gone, and the phone rings on
            self._inviting.cancel((TIMER_EXPIRED.header,))
        unreachable = SipCause(503, None, self._dialling.no_connection_because(self.destination))
        if not self.heard:
            self._inviting.missed()
        self.fail(_TIMED_OUT if reached else unreachable)

    def _progress(self, response: Response, media: RemoteMedia | None = None) -> None:
        """A provisional response, with where its audio comes from if that is known."""
        early = self._early.of(self._inviting.sent, response)
        if early is not None:
            early.body = _description_of(response) if media else early.body
            if not self._early.is_heard(response.to_tag, audible=media is not None):
                media = None
            elif early.readable:
                self.dialog = early.dialog
        if not self._happens(CallEvent.PROGRESS):
            return
        if self.state is CallState.WITHDRAWN:
            self._inviting.cancel(self._bye_headers)
        elif response.status > 100 and self.listener:
            self.listener.progressed(response.status, media)

    def _rings(self, response: Response) -> None:
        """A provisional response; where the host of its audio has to be looked up, it counts twice."""
        if not self._confirms(response):
            return
        body = _description_of(response)
        early: list[RemoteMedia] = []

        def heard(media: RemoteMedia) -> None:
            early.append(media)
            if reported and self.state is CallState.PROCEEDING:
                self._progress(response, media)

        reported = False
        if body:
            read_located(
                lambda known: self._session.preview(body, known),
                self._look_up,
                heard,
                lambda _: None,
            )
        reported = True
        self._progress(response, early[0] if early else None)

    def _confirms(self, response: Response) -> bool:
        """Send PRACK for a reliable response; False for one that is to be passed over (RFC 3262 4)."""
        if not lists(response, "require", TAG):
            return True
        rseq, early = rseq_of(response), self._early.of(self._inviting.sent, response)
        if rseq is None or early is None or not early.takes(rseq):
            return False
        early.settled = early.settled or bool(_description_of(response))
        headers = (rack(rseq, response),)
        self._ask("PRACK", lambda final: None, headers, early=early.dialog)
        return True

    def _answered(self, response: Response) -> None:
        tag = response.to_tag
        if tag in self._answers:
            self._answers[tag]()
            return
        if len(self._answers) >= MAX_FORKS:
            return
        dialog = dialog_of(self._inviting.sent, response)
        usable = dialog is not None
        dialog = dialog or SipDialog.without_routes(self._inviting.sent, response)
        early = self._early.get(tag)
        if early is not None:
            dialog.follow(early.dialog)
        record = dialog.record()
        numbered = replace(record, next_cseq=self._inviting.sent.cseq)
        ack = self._dialling.requests.ack_of(numbered, self._inviting.shown)
        self._answers[tag] = ack.again
        if len(self._answers) > 1:
            ack.send()
            self._dialling.requests.within(record, "BYE", (ELSEWHERE.header,))
            return
        self.dialog = dialog
        self._keeper.accepted(response)
        if usable:
            self._agree(response, ack)
        else:
            self._settled(None, ack)

    def _settled(self, media: RemoteMedia | None, ack: Ack) -> None:
        """The call is answered, with audio for us or without."""
        self._early.answered()
        withdrawn = self.state is CallState.WITHDRAWN
        if not self._happens(CallEvent.USELESS if media is None else CallEvent.SUCCESS):
            return
        if self.state is CallState.CLOSING:
            ack.send()
            self._failure = CANCELLED if withdrawn else SipCause(488, None, _UNUSABLE)
            if not withdrawn:
                self._bye_headers = (reason_of_status(488).header,)
            self._bye()
        else:
            self._waiting.hold(ack.send)  # no BYE comes before it
            if media and self.listener:
                self.listener.answered(media)
            self.when_kept(ack.send)

    def _agree(self, response: Response, ack: Ack) -> None:
        """Take the answer to our offer; some gateways leave it out that said it while it rang."""
        early = self._early.get(response.to_tag)
        if early is not None and early.renegotiated:
            self._settled(self._session.agreed, ack)
            return
        body = _description_of(response) or (early.body if early else b"")
        read_located(
            lambda known: self._session.take_answer(body, known),
            self._look_up,
            lambda media: self._settled(media, ack),
            lambda error: self._settled(None, ack),
        )
        if self.state in UNANSWERED:  # the host of its audio is being looked up
            ack.send()

    # What the network does: requests of the peer.

    def knows(self, request: Request) -> bool:
        """Whether the peer's tag is that of the phone we talk to, or of one that rings."""
        if self.state in UNANSWERED:
            known = self._early.get(request.from_tag) is not None
            return known or request.from_tag in self._answers
        return super().knows(request)

    def requested(self, request: Request) -> None:
        """Take a request inside this dialog, or an early one, not an ACK."""
        if self.state not in UNANSWERED:
            super().requested(request)
        elif request.method == "INVITE" or not self._may_offer(request):
            self._signalling.refuse(request, 491)  # our offer is not answered (RFC 3311 5.2)
        elif request.method == "BYE" and self._answers:  # the host of its audio is being looked up
            self._signalling.transactions.answer(request, self._reply(request, 200))
            self.fail(cause_of_request(request))
        elif request.method == "BYE":
            self._signalling.refuse(request, 481)  # not before its answer (RFC 3261 15)
        else:
            self._requested_early(request)

    def _may_offer(self, request: Request) -> bool:
        """Whether an UPDATE may make an offer before the answer: if the phone's own answer came reliably."""
        if request.method != "UPDATE" or not request.body:
            return True
        early = self._early.get(request.from_tag)
        if early is None or not early.settled or not self._early.is_heard(request.from_tag):
            return False
        if not early.renegotiated:
            try:
                self._session.take_answer(early.body)
            except SdpError:  # the host of its audio is being looked up
                return False
            early.renegotiated = True
        return True

    def _requested_early(self, request: Request) -> None:
        """A request of one of the phones that ring, in its own dialog."""
        early, before = self._early.get(request.from_tag), self.dialog
        self.dialog = early.dialog if early else before
        super().requested(request)
        if self.state in UNANSWERED:
            self.dialog = before

    # How it is done.

    def _keep(self, kept: dict[str, object], keys: dict[str, str]) -> None:
        outline, held = self._outline, self._inviting.held
        mine: dict[str, object] = {
            "called": outline.called,
            "number": outline.caller.number,
            "private": outline.caller.private,
            "tag": outline.tag,
            "token": outline.token,
            "heard": self.heard,
            "held": listed(held) if held else None,
        }
        if self.state in UNANSWERED:
            bodies = self._early.bodies
            if any("a=crypto:" in body for body in bodies.values()):
                keys["early"], bodies = json.dumps(bodies), {}
            mine["unanswered"] = {
                "extra": [[*line] for line in outline.extra],
                "others": [listed(other) for other in self.others],
                "challenges": [*self._challenges],
                "invite": self._inviting.kept(keys),
                "early": self._early.kept(),
                "bodies": bodies,
            }
        kept["out"] = mine
        super()._keep(kept, keys)

    def _invite(self) -> None:
        credentials = self._credentials("INVITE", self._inviting.sent.request_uri)
        self._inviting.send(self, self._keeper.asks, credentials, self._session.offer())

    def _hangup_done(self, cause: SipCause) -> None:
        if self._failure is None:
            super()._hangup_done(cause)
        elif self.listener:
            self.listener.failed(self._failure)

    def _end(self) -> None:
        self._inviting.end()
        self._early.clear()
        super()._end()


def _cause(response: Response, authenticator: Authenticator | None) -> SipCause:
    """Why there is no call: of a challenge that was not answered, what it asked for."""
    cause = cause_of_refusal(response)
    why = authenticator.refusal if authenticator else ""
    return replace(cause, text=why) if why and not cause.reason else cause


def _description_of(response: Response) -> bytes:
    """What a response says of its author's audio; what we do not understand of it is passed over."""
    try:
        return description_of(response)
    except UnsupportedBody:
        return b""
