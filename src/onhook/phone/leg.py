"""What a call does once its dialog stands, whoever placed it (RFC 3261 12 to 15, RFC 3311, RFC 6086).

Everything is synchronous. A callback is always the last thing that happens, so that the owner may
call back at once.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from onhook.phone import screening
from onhook.phone.addresses import listed
from onhook.phone.bodies import READABLE, description_of
from onhook.phone.cause import cause_of_request
from onhook.phone.dialog_client import Signalling
from onhook.phone.digest import Authenticator
from onhook.phone.errors import UnsupportedBody
from onhook.phone.lifecycle import CallEvent, CallState
from onhook.phone.media_hosts import read_located
from onhook.phone.message import Request
from onhook.phone.reason import TIMER_EXPIRED
from onhook.phone.renegotiation import Renegotiation
from onhook.phone.reply import ALLOW, SUPPORTED, HeaderLines, response
from onhook.phone.sdp import Offer, RemoteMedia, SdpCodec
from onhook.phone.session_timer.client import RefreshingClient
from onhook.phone.transactions import ServerInvite, TxEvent
from onhook.phone.trunk import Trunk

_ABILITIES = f"Allow: {ALLOW}\r\nSupported: {SUPPORTED}\r\n"


class AwaitedAck(NamedTuple):
    """An INVITE of this dialog whose 2xx waits for its ACK; `offered`: the ACK holds the answer."""

    transaction: ServerInvite
    cseq: int
    offered: bool
    data: bytes
    until_s: float
    """When it is given up, by the clock of the endpoint."""

    def keep(self, kept: dict[str, object], keys: dict[str, str]) -> None:
        """What another process needs to go on with it; a 2xx with a key is a secret."""
        text, transaction = self.data.decode("utf-8", "surrogateescape"), self.transaction
        call_id, from_tag, _ = transaction.merge_key
        secret = "a=crypto:" in text
        if secret:
            keys["accepted"] = text
        kept["accepted"] = {
            "cseq": self.cseq,
            "offered": self.offered,
            "text": None if secret else text,
            "until_s": self.until_s,
            "peer": listed(transaction.peer),
            "key": [*transaction.key],
            "merge": [call_id, from_tag],
        }


class Leg(RefreshingClient):
    """The common half of a call to us and a call of ours: what the peer asks, and what it is answered."""

    def __init__(self, signalling: Signalling) -> None:
        super().__init__(signalling)
        self._unacknowledged: AwaitedAck | None = None
        self._renegotiation = Renegotiation(signalling, self._session)

    def take_trunk(self, trunk: Trunk) -> None:
        """The trunk that this call goes or came by: its credentials, codecs, packet time and keys are those
        of the call.

        Before the first description of ours. `SdpError` if what the caller offers does not go with them.
        """
        self.trunk_name = trunk.name
        self.authenticator = Authenticator(trunk.digest_user, trunk.password)
        self._session.codecs = tuple(SdpCodec[name] for name in trunk.codecs)
        self._session.ptime_ms = trunk.ptime
        self._session.security.wanted = trunk.srtp

    # What the network does.

    def knows(self, request: Request) -> bool:
        """Whether a request with our Call-ID and our tag also has the peer's tag."""
        return self.dialog.matches(request)

    def requested(self, request: Request) -> None:
        """Take a request inside this dialog, not an ACK."""
        self.on_heard()
        if not self.dialog.in_order(request):
            self._signalling.refuse(request, 500)
            return
        self.dialog.heard_over(request.source)
        if request.method != "BYE" and not self._signalling.transactions.has_room(request):
            self._signalling.refuse(request, 503, screening.retry_soon())
            return
        handler = _HANDLERS.get(request.method)
        if handler is None:
            refusal = screening.refuse_method(request, self._signalling.sent_by(request.source))
            self._signalling.refuse(request, refusal.status, refusal.headers)
        else:
            handler(self, request)

    def acknowledged(self, ack: Request) -> None:
        """Take an ACK inside this dialog."""
        self.on_heard()
        self.dialog.heard_over(ack.source)
        waiting = self._unacknowledged
        if waiting is None or waiting.cseq != ack.cseq:
            return
        self._settle()
        if waiting.offered:
            self._answer_in(ack)
        else:
            self._acknowledged(None, False)

    def _acknowledged(self, media: RemoteMedia | None, unusable: bool) -> None:
        """The ACK of a re-INVITE: without an answer that was due, all stays as it was."""
        if self.state is CallState.ESTABLISHED and media and self.listener:
            self.listener.media_moved(media)
        elif self.state is CallState.ESTABLISHED and self.listener:
            self.listener.dialog_changed()

    def _answer_in(self, ack: Request) -> None:
        """Take the answer to our offer; it may be missing, or of no use."""
        try:
            body = description_of(ack)
        except UnsupportedBody:
            body = b""
        read_located(
            lambda known: self._session.take_answer(body, known),
            self._look_up,
            lambda media: self._acknowledged(media, False),
            lambda error: self._acknowledged(None, True),
        )

    def _bye_received(self, request: Request) -> None:
        transaction, before = self._signalling.transactions.serve(request), self.state
        say = partial(transaction.respond, self._reply(request, 200))
        leaves = before in (CallState.LEAVING, CallState.CLOSING)
        ended = self._happens(CallEvent.BYE) and self.state is CallState.ENDED
        if not ended or leaves or self.listener is None:
            say()
        if ended:
            self._end()
            cause = cause_of_request(request)
            if leaves:
                self._hangup_done(cause)
            elif self.listener:
                self._waiting.hold(say)
                self.listener.hung_up(cause)
                self.when_kept(say)

    def _reinvited(self, request: Request) -> None:
        """Re-INVITE (RFC 3261 14.2): 200 with our description, which only changes when it must."""
        if self._renegotiation.precedes(request):
            return
        if self._negotiates() or self.state is CallState.CLOSING:
            self._signalling.refuse(request, 491)
        else:
            self._renegotiation.take(self, request)

    def _updated(self, request: Request) -> None:
        """UPDATE (RFC 3311 5.2): like a re-INVITE, but answered once and without an ACK."""
        if self._renegotiation.precedes(request):
            return
        if request.body and self._reinvite is not None:
            self._signalling.refuse(request, 491)
        elif request.body and self._unacknowledged:
            self._signalling.refuse(request, 500, screening.retry_soon())
        else:
            self._renegotiation.take(self, request)

    def _look_up(self, host: str, on_address: Callable[[str], None]) -> None:
        self._signalling.media_hosts.look_up(host, self.dialog.source, on_address)

    def agreed_to(self, request: Request, offer: Offer | None) -> None:
        """Answer an INVITE or UPDATE within the dialog, and what it offers."""
        body, media = self._session.answer(offer) if offer else (b"", None)
        transactions = self._signalling.transactions
        if request.method == "INVITE":
            invited = transactions.serve_invite(request)
            body = body or self._session.offer()
            say = self._accepted(invited, request, body, offered=not offer)
        else:
            lines, refreshed = self._dialog_lines(request), self._refreshed_by(request)
            data = self._reply(request, 200, headers=refreshed, body=body, lines=lines)
            say = partial(transactions.serve(request).respond, data)
        self._waiting.hold(say)
        if media and self.listener:
            self.listener.media_moved(media)
        elif self.listener:
            self.listener.dialog_changed()
        self.when_kept(say)

    def _pracked(self, request: Request) -> None:
        """A PRACK, where nothing of ours waits for one (RFC 3262 3)."""
        self._signalling.refuse(request, 481)

    def _options(self, request: Request) -> None:
        headers = (("Allow", ALLOW), ("Accept", READABLE))
        self._signalling.transactions.answer(request, self._reply(request, 200, headers=headers))

    def _info(self, request: Request) -> None:
        refusal = screening.screen_info(request)
        if refusal:
            self._signalling.refuse(request, refusal.status, refusal.headers)
            return
        say = partial(
            self._signalling.transactions.serve(request).respond, self._reply(request, 200)
        )
        digit = screening.info_digit(request)
        heard = self.state in (CallState.ANSWERED, CallState.ESTABLISHED)
        if digit and self.listener and heard and not self.dialog.was_served(request):
            self._waiting.hold(say)
            self.listener.digit(digit)
            self.when_kept(say)
        else:
            say()

    def _no_ack(self) -> None:
        """RFC 3261 13.3.1.4: end what was never acknowledged."""
        self._unacknowledged = None
        before = self.state
        if self._happens(CallEvent.NO_ACK):
            if before is not CallState.LEAVING:
                self._bye_headers = (TIMER_EXPIRED.header,)
            self._bye()
            self._unheard(before)

    def _unheard(self, before: CallState) -> None:
        """A BYE is out for want of an ACK; the end of the call will be told."""
        return

    # How it is done.

    def _keep(self, kept: dict[str, object], keys: dict[str, str]) -> None:
        if self._unacknowledged is not None:
            self._unacknowledged.keep(kept, keys)

    def _accepted(
        self, transaction: ServerInvite, invite: Request, body: bytes, *, offered: bool
    ) -> Callable[[], None]:
        """Take an INVITE; what sends the 200."""
        transaction.on_unacknowledged = self._no_ack
        lines, refreshed = self._dialog_lines(invite), self._refreshed_by(invite)
        data = self._reply(invite, 200, headers=refreshed, body=body, lines=lines)
        until_s = self._signalling.now() + 64 * self._signalling.t1_s
        self._unacknowledged = AwaitedAck(transaction, invite.cseq, offered, data, until_s)
        return partial(transaction.respond, 200, data)

    def _refreshed_by(self, request: Request) -> HeaderLines:
        """What a 2xx says of the session timer, which begins anew with it."""
        if self.state in (CallState.ANSWERED, CallState.ESTABLISHED):
            return self._keeper.accept(request)
        return ()

    def _negotiates(self) -> bool:
        open_offer = self._unacknowledged is not None or self._renegotiation.is_open
        return open_offer or super()._negotiates()

    def _settle(self) -> None:
        """The 2xx need not be repeated any more."""
        waiting, self._unacknowledged = self._unacknowledged, None
        if waiting is not None:
            waiting.transaction.handle(TxEvent.ACK)

    def _end(self) -> None:
        self._settle()
        super()._end()

    def _dialog_lines(self, request: Request) -> str:
        """What a response says that makes a dialog, or confirms it."""
        lines = request.headers.get("record-route")
        routes = "".join([f"Record-Route: {line}\r\n" for line in lines]) if lines else ""
        return f"{routes}Contact: {self._signalling.contact_for(request.source)}\r\n{_ABILITIES}"

    def _reply(
        self, request: Request, status: int, phrase: str | None = None, *,
        headers: HeaderLines = (), body: bytes = b"", lines: str = "",
    ) -> bytes:  # fmt: skip
        return response(
            request,
            status,
            phrase,
            to_tag=self.dialog.local_tag,
            headers=(*headers, ("Server", self._signalling.user_agent)),
            sdp=body,
            lines=lines,
        )


_HANDLERS: dict[str, Callable[[Leg, Request], None]] = {
    "BYE": lambda leg, request: leg._bye_received(request),
    "INVITE": lambda leg, request: leg._reinvited(request),
    "UPDATE": lambda leg, request: leg._updated(request),
    "PRACK": lambda leg, request: leg._pracked(request),
    "OPTIONS": lambda leg, request: leg._options(request),
    "INFO": lambda leg, request: leg._info(request),
}
"""What is served inside a dialog; CANCEL never gets here."""
