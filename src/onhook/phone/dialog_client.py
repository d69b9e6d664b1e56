"""What we do of our own accord within a dialog: requests until they are answered, and the end of the call.

RFC 3261 12.2.1 and 15. Everything is synchronous. A callback is always the last thing that happens, so that
the owner may call back at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Protocol

import structlog

from onhook.phone.cause import SipCause, cause_of_response
from onhook.phone.dialog import DialogRecord, SipDialog
from onhook.phone.digest import Authenticator
from onhook.phone.errors import CallStateError
from onhook.phone.layer import TransactionLayer
from onhook.phone.lifecycle import CallEvent, CallState, LegListener, Moves
from onhook.phone.media_hosts import MediaHosts
from onhook.phone.message import Address, Request, Response
from onhook.phone.reason import NORMAL, Reason
from onhook.phone.reply import HeaderLines
from onhook.phone.requests import OwnRequests
from onhook.phone.timers import TimerHandle
from onhook.phone.waiting import Waiting, at_once

log = structlog.get_logger()


_NORMALLY = (NORMAL.header,)


def _nobody_listens() -> None:
    """For a leg whose owner does not ask whether the peer is there."""


class Signalling(Protocol):
    """What a call needs of its endpoint."""

    user_agent: str
    requests: OwnRequests
    media_hosts: MediaHosts
    waiting: set[Waiting]
    """What its legs have to say when it is on disk."""
    headroom: int
    """How many numbers are left out in dialogs that another process had (`dialog.headroom_of`)."""

    @property
    def transactions(self) -> TransactionLayer:
        """By which requests of the peer are answered."""

    @property
    def t1_s(self) -> float:
        """T1, in which a message that is on its way arrives (RFC 3261 17.1.1.1)."""

    def contact_for(self, peer: Address) -> str:
        """Our Contact value as `peer` can reach it."""

    def sent_by(self, peer: Address) -> str:
        """Our host and port as `peer` can reach them."""

    def sends_audio_to(self, ip: str) -> bool:
        """Whether audio can be sent to a numeric address: its family is one of ours."""

    def refuse(self, request: Request, status: int, headers: HeaderLines = ()) -> None:
        """Answer a request without keeping anything of it."""

    def later(self, delay_s: float, callback: Callable[[], None]) -> TimerHandle:
        """Call back after so many seconds."""

    def now(self) -> float:
        """Seconds of the clock by which that waits."""

    def forget(self, call: "DialogClient") -> None:
        """The call is over: nothing in its dialog is for it any more."""


class DialogClient(ABC):
    """The part of a call that asks (UAC): `moves` says what may happen when."""

    moves: ClassVar[Moves]
    listener: LegListener | None = None
    sip_call_id: str
    dialog: SipDialog
    state: CallState
    authenticator: Authenticator | None = None
    """Answers challenges to our requests, those of a call to us included; None answers none."""

    def __init__(self, signalling: Signalling) -> None:
        self._signalling = signalling
        self._waiting = Waiting(signalling.later, signalling.waiting)
        self._bye_headers: tuple[tuple[str, str], ...] = _NORMALLY
        self.parting_headers: HeaderLines = ()
        """What the owner has to say in the BYE, beside what is ours; set before `hangup`."""
        self.on_heard: Callable[[], None] = _nobody_listens
        """Called before anything else whenever a message shows that the peer is there and has this call."""
        self.once_kept: Callable[[Callable[[], None]], None] = at_once
        """Given what is only to leave when what `Leg.kept` says now is on disk, such as the ACK of an answer
        or of a refusal: the owner calls it then; at once, where nobody keeps anything. After
        `waiting.PATIENCE_S` it leaves all the same."""

    # What the owner does.

    @property
    def signalling_ips(self) -> tuple[str, ...]:
        """The numeric addresses that the peer's signalling names, where its audio may come from too."""
        return self.dialog.signalling_ips

    @abstractmethod
    def hangup(self, reason: Reason = NORMAL) -> None:
        """End the call as its state asks for; the listener is told. `reason` is what the peer is told."""

    @abstractmethod
    def record(self) -> DialogRecord:
        """A snapshot from which `SipEndpoint` can end this call after a restart."""

    def probe(self, on_result: Callable[[SipCause], None]) -> bool:
        """Ask the peer by OPTIONS whether it still has this call; False if it is not established.

        The status that `on_result` hears is 481 when the peer does not know the call, 408 when it
        did not answer (RFC 3261 12.2.1.2); with any other the peer and the call are there.
        """
        if self.state is not CallState.ESTABLISHED:
            return False
        self._request("OPTIONS", on_result, (("Accept", "application/sdp"),))
        return True

    def acknowledge_again(self, response: Response) -> None:
        """Send the ACK of a 2xx to an INVITE of ours that is not known any more: the process that sent it is
        gone, or its ACK was lost time and again (RFC 3261 13.2.2.4)."""
        answered = self.state in (CallState.ESTABLISHED, CallState.CLOSING)
        if answered and response.to_tag == self.dialog.remote_tag:
            numbered = replace(self.dialog.record(), next_cseq=response.cseq)
            self._signalling.requests.acknowledge(numbered)

    def release(self) -> None:
        """The owner, for whom the call is over, hears nothing more of it."""
        self.listener, self.on_heard, self.once_kept = None, _nobody_listens, at_once

    def abandon(self) -> None:
        """Forget the call without a word to anybody, because the endpoint closes."""
        self.state = CallState.ENDED
        self.listener = None
        self._waiting.drop()

    # How it is done.

    def _happens(self, event: CallEvent) -> bool:
        """Move if the table says so."""
        following = self.moves.get((self.state, event))
        if following is not None:
            self.state = following
        return following is not None

    def _move(self, event: CallEvent) -> CallState:
        """Move, or tell the owner that it cannot."""
        if not self._happens(event):
            raise CallStateError(
                f"{event.name.lower()} of a call that is {self.state.name.lower()}"
            )
        return self.state

    def _leave(self, reason: Reason) -> CallState:
        """Move as the owner's hanging up says; the reason goes into the BYE, whenever it leaves."""
        state = self._move(CallEvent.HANGUP)
        self._bye_headers = (reason.header,)
        return state

    def when_kept(self, then: Callable[[], None]) -> None:
        """What another process could not know of, should this one die now, leaves when it is on disk."""
        self._waiting.until(self.once_kept, then)

    def _bye(self) -> None:
        self._waiting.flush()
        self._request("BYE", self._bye_done, (*self._bye_headers, *self.parting_headers))

    def _bye_done(self, cause: SipCause) -> None:
        if self._happens(CallEvent.BYE_DONE):
            self._end()
            self._hangup_done(cause)

    def _hangup_done(self, cause: SipCause) -> None:
        if self.listener:
            self.listener.hangup_done(cause)

    def _request(
        self, method: str, on_done: Callable[[SipCause], None], headers: HeaderLines = ()
    ) -> None:
        """Send a request within the dialog, of whose answer the status is all that matters."""
        self._ask(method, lambda final: on_done(cause_of_response(final)), headers)

    def _ask(
        self,
        method: str,
        on_final: Callable[[Response | None], None],
        headers: HeaderLines = (),
        tried: tuple[int, ...] = (),
        *,
        early: SipDialog | None = None,
    ) -> None:
        """Send a request within the dialog, or within an `early` one; again, if a challenge to it can be
        answered."""
        dialog = early or self.dialog

        def done(final: Response | None) -> None:
            if final is not None and final.status not in (408, 481):
                self.on_heard()
            if final is not None and self._take_challenge(final, tried):
                self._ask(method, on_final, headers, (*tried, final.status), early=early)
            else:
                on_final(final)

        record = dialog.record()
        dialog.take_cseq()
        credentials = self._credentials(method, record.request_uri)
        self._signalling.requests.within(record, method, (*headers, *credentials), done)

    def _take_challenge(self, final: Response, tried: tuple[int, ...]) -> bool:
        """Whether this was a challenge, and there are credentials for it."""
        if self.authenticator is None or self.authenticator.take(final, tried):
            return self.authenticator is not None
        if why := self.authenticator.refusal:
            log.warning(
                "sip_challenge_unanswered",
                why=why,
                status=final.status,
                sip_call_id=self.sip_call_id,
            )
        return False

    def _credentials(self, method: str, uri: str) -> HeaderLines:
        return self.authenticator.headers(method, uri) if self.authenticator else ()

    def _end(self) -> None:
        self._waiting.flush()
        self._signalling.forget(self)
