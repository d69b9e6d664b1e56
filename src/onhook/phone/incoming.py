"""One incoming call: the dialog, its offer and answer, and what its owner hears of it.

Everything is synchronous. A callback is always the last thing that happens, so that the owner may
call back at once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from onhook.phone import sdp
from onhook.phone.cause import SipCause, cause_of_request, reason_header
from onhook.phone.dialog import Dialog, DialogRecord
from onhook.phone.errors import CallStateError, SdpError
from onhook.phone.identity import called_user, caller_user, e164
from onhook.phone.lifecycle import MOVES, CallEvent, CallListener, CallState
from onhook.phone.message import Address, Request
from onhook.phone.pending import PendingInvite
from onhook.phone.reply import ALLOW, HeaderLines, check_headers, phrase_text, response
from onhook.phone.screening import info_digit, refuse_method, screen_extensions
from onhook.phone.sdp import Offer, RemoteMedia
from onhook.phone.session import MediaSession
from onhook.phone.transactions import Event, ServerInvite


class Signalling(Protocol):
    """What a call needs of its endpoint."""

    user_agent: str
    trying: bool

    def contact_for(self, peer: Address) -> str:
        """Our Contact value as `peer` can reach it."""

    def serve_invite(self, request: Request) -> ServerInvite:
        """Open the transaction of an INVITE."""

    def answer(self, request: Request, data: bytes) -> None:
        """Answer another request, through a transaction."""

    def refuse(self, request: Request, status: int, headers: HeaderLines = ()) -> None:
        """Answer a request without keeping anything of it."""

    def send_within(
        self,
        record: DialogRecord,
        method: str,
        headers: HeaderLines,
        on_done: Callable[[SipCause], None],
    ) -> None:
        """Send a request within a dialog until it is answered."""

    def forget(self, call: IncomingCall) -> None:
        """The call is over."""


@dataclass(frozen=True, slots=True)
class _Unacknowledged:
    """An INVITE of this dialog whose 2xx waits for its ACK; `offered`: the ACK holds the answer."""

    transaction: ServerInvite
    cseq: int
    offered: bool


class IncomingCall:
    """A call that somebody placed to us. ValueError if the INVITE cannot make one.

    `called` is the user part of the Request-URI; `caller` is the caller's E.164 number or empty;
    `caller_user` is what the trunk wrote, for trunks that leave out the `+`. `offer` is the caller's
    media in its order of preference, None when the INVITE had none; the first codec is the one
    that `answer` takes. `source` is the address the INVITE came from.
    """

    listener: CallListener | None = None

    def __init__(
        self, invite: Request, dialog: Dialog, offer: Offer | None, signalling: Signalling
    ) -> None:
        self.sip_call_id = invite.call_id
        self.called = called_user(invite.uri)
        self.caller_user = caller_user(invite)
        self.caller = e164(self.caller_user)
        self.offer = offer.media if offer else None
        self.source = invite.source
        self.dialog = dialog
        self.state = CallState.OFFERED
        self._invite: Request | None = invite
        self._pending: PendingInvite | None = PendingInvite.of(invite)
        self._offer = offer
        self._signalling = signalling
        self._session = MediaSession()
        self._unacknowledged: _Unacknowledged | None = None
        self._bye_headers: tuple[tuple[str, str], ...] = ()
        # Last, because what is above raises ValueError for an INVITE that makes no call.
        self._transaction = signalling.serve_invite(invite)
        self._transaction.on_cancel = self._withdrawn
        if signalling.trying:
            self._transaction.respond(100, response(invite, 100))

    # What the owner does.

    def ring(self) -> None:
        """Send 180. CallStateError unless the call is still unanswered."""
        if self.state is not CallState.OFFERED or self._invite is None:
            raise CallStateError("not ringing any more")
        headers = self._dialog_headers(self._invite)
        self._transaction.respond(180, self._reply(self._invite, 180, headers=headers))

    def answer(self, *, ip: str, port: int) -> None:
        """Send 200; the media is at `ip` (numeric IPv4) and `port`.

        CallStateError unless the call is still unanswered; ValueError for a bad address.
        """
        local = str(ipaddress.IPv4Address(ip))
        if not 0 < port < 65536:
            raise ValueError("bad port")
        self._move(CallEvent.ANSWER)
        invite, offer = self._invite, self._offer
        self._invite = self._offer = None  # a call lasts long, and its INVITE is large
        if invite is None:
            return
        self._session.open(local, port)
        body = self._session.answer(offer)[0] if offer else self._session.offer()
        self._accept(self._transaction, invite, body, offered=offer is None)

    def reject(self, code: int, reason: str | None = None, headers: HeaderLines = ()) -> None:
        """Send a final response from 300 to 699. No callback follows.

        CallStateError unless the call is still unanswered; ValueError for a bad code or header.
        """
        if not 300 <= code <= 699:
            raise ValueError("not a status that rejects")
        checked = check_headers(headers)
        self._move(CallEvent.REJECT)
        self._finish(code, phrase_text(reason) if reason else None, checked)

    def hangup(self, reason: str | None = None) -> None:
        """Send BYE, or as soon as the ACK is here; `hangup_done` follows.

        Nothing happens if the call is over or being ended. CallStateError if it is unanswered.
        """
        if self.state in (CallState.LEAVING, CallState.CLOSING, CallState.ENDED):
            return
        headers = (reason_header(reason),) if reason else ()
        state = self._move(CallEvent.HANGUP)
        self._bye_headers = headers
        if state is CallState.CLOSING:
            self._bye()

    def probe(self, on_result: Callable[[SipCause], None]) -> bool:
        """Ask the peer by OPTIONS whether it still has this call; False if it is not established.

        The status that `on_result` hears is 481 when the peer does not know the call, 408 when it
        did not answer (RFC 3261 12.2.1.2); with any other the peer and the call are there.
        """
        if self.state is not CallState.ESTABLISHED:
            return False
        record = self.dialog.record()
        self.dialog.take_cseq()
        headers = (("Accept", "application/sdp"),)
        self._signalling.send_within(record, "OPTIONS", headers, on_result)
        return True

    def record(self) -> DialogRecord:
        """A snapshot from which `SipEndpoint` can end this call after a restart.

        With `hangup_orphan`; and until the ACK came, the caller may still wait for the final
        response: for that there is `reject_orphan`.
        """
        return self.dialog.record(self._pending)

    def abandon(self) -> None:
        """Forget the call without a word to anybody, because the endpoint closes."""
        self.state = CallState.ENDED
        self.listener = None

    # What the network does.

    def requested(self, request: Request) -> None:
        """Take a request inside this dialog, not an ACK."""
        if not self.dialog.in_order(request):
            self._signalling.refuse(request, 500)
            return
        handler = _HANDLERS.get(request.method)
        if handler is None:
            refusal = refuse_method(request)
            self._signalling.refuse(request, refusal.status, refusal.headers)
        else:
            handler(self, request)

    def acknowledged(self, ack: Request) -> None:
        """Take an ACK inside this dialog."""
        waiting = self._unacknowledged
        if waiting is None or waiting.cseq != ack.cseq:
            return
        self._settle()
        self._pending = None
        media, unusable = self._answer_in(ack) if waiting.offered else (None, False)
        if self.state is CallState.ESTABLISHED:  # of a re-INVITE: without an answer all stays
            if media and self.listener:
                self.listener.media_moved(media)
        elif unusable:
            self._no_ack()
        elif self._happens(CallEvent.ACK):
            if self.state is CallState.CLOSING:
                self._bye()
            elif self.listener:
                self.listener.acknowledged(media)

    def _answer_in(self, ack: Request) -> tuple[RemoteMedia | None, bool]:
        """The answer to our offer, and whether it is missing or of no use."""
        try:
            return self._session.take_answer(ack.body), False
        except SdpError:
            return None, True

    def _bye_received(self, request: Request) -> None:
        self._signalling.answer(request, self._reply(request, 200))
        if self.state is CallState.OFFERED:
            self._withdrawn()
            return
        before = self.state
        if self._happens(CallEvent.BYE) and self.state is CallState.ENDED:
            self._end()
            cause = cause_of_request(request)
            if self.listener and before is CallState.LEAVING:
                self.listener.hangup_done(cause)
            elif self.listener:
                self.listener.hung_up(cause)

    def _reinvited(self, request: Request) -> None:
        """Re-INVITE (RFC 3261 14.2): 200 with our description, which only changes when it must."""
        if self.state is CallState.OFFERED:
            self._signalling.refuse(request, 500, (("Retry-After", "5"),))
        elif self._unacknowledged is not None or self.state is CallState.CLOSING:
            self._signalling.refuse(request, 491)
        else:
            self._renegotiate(request)

    def _updated(self, request: Request) -> None:
        """UPDATE (RFC 3311 5.2): like a re-INVITE, but answered once and without an ACK."""
        if request.body and (self.state is CallState.OFFERED or self._unacknowledged):
            self._signalling.refuse(request, 500, (("Retry-After", "1"),))
        else:
            self._renegotiate(request)

    def _renegotiate(self, request: Request) -> None:
        refusal = screen_extensions(request)
        if refusal:
            self._signalling.refuse(request, refusal.status, refusal.headers)
            return
        try:
            offer = sdp.parse(request.body) if request.body else None
            self.dialog.refresh(request)
        except SdpError as error:
            self._signalling.refuse(request, error.status)
            return
        except ValueError:
            self._signalling.refuse(request, 400)
            return
        body, media = self._session.answer(offer) if offer else (b"", None)
        if request.method == "INVITE":
            transaction = self._signalling.serve_invite(request)
            self._accept(transaction, request, body or self._session.offer(), offered=not offer)
        else:
            headers = self._dialog_headers(request)
            self._signalling.answer(request, self._reply(request, 200, headers=headers, body=body))
        if media and self.listener:
            self.listener.media_moved(media)

    def _options(self, request: Request) -> None:
        headers = (("Allow", ALLOW), ("Accept", "application/sdp"))
        self._signalling.answer(request, self._reply(request, 200, headers=headers))

    def _info(self, request: Request) -> None:
        self._signalling.answer(request, self._reply(request, 200))
        digit = info_digit(request)
        if digit and self.listener and self.state in (CallState.ANSWERED, CallState.ESTABLISHED):
            self.listener.digit(digit)

    def _withdrawn(self) -> None:
        """CANCEL (RFC 3261 9.2), or BYE before the answer (15.1.2)."""
        if self._happens(CallEvent.WITHDRAWN):
            self._finish(487, None, ())
            if self.listener:
                self.listener.cancelled()

    def _no_ack(self) -> None:
        """RFC 3261 13.3.1.4: end what was never acknowledged."""
        self._unacknowledged = None
        asked = self.state is CallState.LEAVING
        if self._happens(CallEvent.NO_ACK):
            self._bye()
            if self.listener and not asked:
                self.listener.no_ack()

    # How it is done.

    def _happens(self, event: CallEvent) -> bool:
        """Move if the table says so."""
        following = MOVES.get((self.state, event))
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

    def _accept(
        self, transaction: ServerInvite, invite: Request, body: bytes, *, offered: bool
    ) -> None:
        self._unacknowledged = _Unacknowledged(transaction, invite.cseq, offered)
        transaction.on_unacknowledged = self._no_ack
        headers = self._dialog_headers(invite)
        transaction.respond(200, self._reply(invite, 200, headers=headers, body=body))

    def _finish(self, status: int, phrase: str | None, headers: HeaderLines) -> None:
        """The final response that refuses the INVITE."""
        if self._invite is not None:
            data = self._reply(self._invite, status, phrase, headers=headers)
            self._transaction.respond(status, data)
        self._end()

    def _bye(self) -> None:
        record = self.dialog.record()
        self.dialog.take_cseq()
        self._signalling.send_within(record, "BYE", self._bye_headers, self._bye_done)

    def _bye_done(self, cause: SipCause) -> None:
        if self._happens(CallEvent.BYE_DONE):
            self._end()
            if self.listener:
                self.listener.hangup_done(cause)

    def _settle(self) -> None:
        """The 2xx need not be repeated any more."""
        waiting, self._unacknowledged = self._unacknowledged, None
        if waiting is not None:
            waiting.transaction.handle(Event.ACK)

    def _end(self) -> None:
        self._settle()
        self._invite = self._offer = self._pending = None
        self._signalling.forget(self)

    def _dialog_headers(self, request: Request) -> tuple[tuple[str, str], ...]:
        routes = (("Record-Route", line) for line in request.headers.get("record-route", ()))
        contact = self._signalling.contact_for(request.source)
        return (*routes, ("Contact", contact), ("Allow", ALLOW))

    def _reply(
        self, request: Request, status: int, phrase: str | None = None, *,
        headers: HeaderLines = (), body: bytes = b"",
    ) -> bytes:  # fmt: skip
        return response(
            request,
            status,
            phrase,
            to_tag=self.dialog.local_tag,
            headers=(*headers, ("Server", self._signalling.user_agent)),
            sdp=body,
        )


_HANDLERS: dict[str, Callable[[IncomingCall, Request], None]] = {
    "BYE": IncomingCall._bye_received,
    "INVITE": IncomingCall._reinvited,
    "UPDATE": IncomingCall._updated,
    "OPTIONS": IncomingCall._options,
    "INFO": IncomingCall._info,
}
"""What is served inside a dialog; CANCEL never gets here."""
