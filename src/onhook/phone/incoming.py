"""One incoming call: the dialog, its offer and answer, and what its owner hears of it.

Everything is synchronous. A callback is always the last thing that happens, so that the owner may
call back at once.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from onhook.phone import sdp
from onhook.phone.addresses import listed
from onhook.phone.bodies import description_of
from onhook.phone.cause import SipCause, cause_of_request
from onhook.phone.dialog import DialogRecord, SipDialog
from onhook.phone.dialog_client import Signalling
from onhook.phone.errors import CallStateError, SdpError
from onhook.phone.first_offer import FirstOffer
from onhook.phone.identity import addressed, custom_headers
from onhook.phone.inbound.parties import called_by, caller_by
from onhook.phone.inbound.sources import Origin
from onhook.phone.kept.invite import text_of
from onhook.phone.kept.media import kept_media
from onhook.phone.leg import Leg
from onhook.phone.lifecycle import MOVES, CallEvent, CallListener, CallState
from onhook.phone.media_hosts import read_located
from onhook.phone.message import Request
from onhook.phone.pending import PendingInvite
from onhook.phone.reason import NORMAL, Reason, with_reason
from onhook.phone.reliable.ringing import ReliableRinging
from onhook.phone.reply import PHRASES, HeaderLines, check_headers, phrase_text, response, warning
from onhook.phone.screening import refuse_description, retry_soon, screen_extensions
from onhook.phone.sdp import Offer, RemoteMedia
from onhook.phone.session import check_address, chosen
from onhook.phone.srtp.negotiation import Negotiation, Policy
from onhook.phone.trunk import Trunk


class AnsweringSignalling(Signalling, Protocol):
    """What a call to us needs of its endpoint."""

    trying: bool
    session_timer_s: int


class IncomingCall(Leg):
    """A call that somebody placed to us. ValueError if the INVITE cannot make one, `SdpError` if its
    description is of no use.

    `origin` is by which trunk it came. `called` is who is called and `caller` who calls, by the headers
    that the trunk has it in, `addressed` whom P-Called-Party-ID and To name, all of them as they are
    written. `offer` is the caller's media in its order of preference, None when the INVITE had none; the
    first codec is the one that `answer` takes. `source` is the address the INVITE came from.
    `custom_headers` are its X- headers and User-to-User (RFC 7433).
    """

    moves = MOVES
    we_called = False
    listener: CallListener | None = None
    owes_refusal = False
    """Whether the caller has given up, and its INVITE has no final response yet."""

    def __init__(
        self,
        invite: Request,
        dialog: SipDialog,
        signalling: AnsweringSignalling,
        origin: Origin = Origin(),  # noqa: B008  # a frozen value
    ) -> None:
        super().__init__(signalling)
        self._keeper.wanted_s = signalling.session_timer_s
        self.sip_call_id = invite.call_id
        self.origin = origin
        self.called = called_by(invite, origin)
        self.addressed = addressed(invite)
        self.caller = caller_by(invite, origin)
        self.custom_headers = custom_headers(invite)
        srtp: Policy = origin.trunk.srtp if origin.trunk is not None else "prefer"
        self._first = FirstOffer(description_of(invite), srtp, signalling.sends_audio_to)
        offer = self._first.read()
        self.offer = offer.media if offer else None
        self.source = invite.source
        self.dialog = dialog
        self.state = CallState.OFFERED
        self._invite: Request | None = invite
        self._pending: PendingInvite | None = PendingInvite.of(invite)
        self._offer = offer
        if origin.trunk is not None:
            self.take_trunk(origin.trunk)
        else:
            self.secure("prefer")
        # Last, because what is above raises ValueError for an INVITE that makes no call.
        self._transaction = signalling.transactions.serve_invite(invite)
        self._transaction.on_cancel = self._withdrawn
        self._transaction.local_tag = dialog.local_tag
        self._ringing = ReliableRinging(
            invite, self._transaction, signalling.later, signalling.t1_s
        )
        self._trying = signalling.trying
        self._kept_offer: tuple[RemoteMedia, dict[str, Any]] | None = None
        self._kept_invite = ""
        self.rings = False
        """Whether the owner had it ring."""

    # What the endpoint does.

    def locate(self, on_located: Callable[[], None]) -> None:
        """Look up the host of the audio that is offered, if it has to be; `on_located` hears at once if not.

        A host that leads nowhere rejects the call. Nothing happens if that is over by then.
        """
        if self._trying and self._invite is not None:
            self._transaction.respond(100, response(self._invite, 100))

        def located(offer: Offer) -> None:
            if self.state is CallState.OFFERED:
                self._offer = offer
                self.secure(self._session.security.wanted)
                on_located()

        def lost(error: SdpError) -> None:
            if self.state is CallState.OFFERED:
                refusal = refuse_description(error, self._signalling.sent_by(self.source))
                self.reject(refusal.status, refusal.phrase, refusal.headers)

        if not self._first.locate(self._look_up, located, lost):
            on_located()

    # What the owner does.

    def take_trunk(self, trunk: Trunk) -> None:
        """As of any leg; before the answer. `offer` has the trunk's codecs only, in its order."""
        super().take_trunk(trunk)
        if self._offer is not None:
            self._offer = chosen(self._offer, self._session.codecs)
        self.secure(trunk.srtp)

    def secure(self, srtp: Policy) -> None:
        """Whether the audio of this call may be encrypted, or has to be; `prefer` unless somebody says so
        before the answer. `SdpError` if the offer does not go with that; `offer` has the keys."""
        self._session.security = Negotiation(srtp)
        if self._offer is None:
            self._session.security.offer(
                first=True
            )  # keys that are drawn before the call is first kept
            return
        media = self._offer.media
        keys = sdp.encrypted(media.cryptos, self._offer.transport, srtp)
        self._session.security.answer(keys)
        agreed = self._session.security.agreed
        packet_ms = self._session.packet_ms(media)
        if (keys, agreed, packet_ms) != (media.cryptos, media.srtp, media.packet_ms):
            media = replace(media, cryptos=keys, srtp=agreed, packet_ms=packet_ms)
            self._offer = replace(self._offer, media=media)
        self.offer = media

    @property
    def offers_while_ringing(self) -> bool:
        """Whether the 180 has to hold our offer: the INVITE had none, and wants it reliable (RFC 3262 5)."""
        return self.offer is None and self._ringing.required

    def ring(self, ip: str = "", port: int = 0) -> None:
        """Send 180, reliably where the caller knows how. CallStateError unless the call is still unanswered.

        `ip` and `port`, as for `answer`, are those of the offer, if it `offers_while_ringing`; without them
        there is 100 instead.
        """
        if self.state is not CallState.OFFERED or self._invite is None:
            raise CallStateError("not ringing any more")
        invite, offers = self._invite, self.offers_while_ringing
        self.rings = True
        if offers and not ip:
            self._transaction.respond(100, response(invite, 100))
            return
        if offers and not self._ringing.sent:
            self._session.open(ip, port)
        body = self._session.offer() if offers else b""

        def written(headers: HeaderLines = ()) -> bytes:
            lines = self._dialog_lines(invite)
            return self._reply(invite, 180, headers=headers, body=body, lines=lines)

        if not self._ringing.possible or (self.offer is None and not offers):
            self._transaction.respond(180, written())
        elif not self._ringing.sent:
            self._ringing.send(180, written, self._unconfirmed, describes=offers)

    def answer(self, *, ip: str, port: int) -> None:
        """Send 200; the media is at `ip` (numeric, of the family of the offer) and `port`.

        CallStateError unless the call is still unanswered; ValueError for a bad address.
        """
        check_address(ip, port)
        self._move(CallEvent.ANSWER)
        if self._ringing.describes:  # the offer is made
            if not self._ringing.withholds_answer:
                self._answer_as_agreed()
            return
        self._ringing.stop()
        invite, offer = self._invite, self._offer
        self._invite = self._offer = None  # a call lasts long, and its INVITE is large
        if invite is None:
            return
        self._session.open(ip, port)
        body = self._session.answer(offer)[0] if offer else self._session.offer()
        self._accepted(self._transaction, invite, body, offered=offer is None)()

    def reject(self, code: int, reason: str | None = None, headers: HeaderLines = ()) -> None:
        """Send a final response from 300 to 699. No callback follows.

        Without a Reason among the headers it gets the one that goes with its status (RFC 6432).
        CallStateError unless the call is still unanswered; ValueError for a bad code or header.
        """
        if not 300 <= code <= 699:
            raise ValueError("not a status that rejects")
        checked = check_headers(headers)
        if code in (488, 606) and not any(name == "Warning" for name, _ in checked):
            agent = self._signalling.sent_by(self.source)  # RFC 3261 21.4.26
            checked = (*checked, warning(399, agent, reason or PHRASES[code]))
        self._move(CallEvent.REJECT)
        self._finish(code, phrase_text(reason) if reason else None, checked)

    def hangup(self, reason: Reason = NORMAL) -> None:
        """Send BYE, or as soon as the ACK is here; `hangup_done` follows.

        Nothing happens if the call is over or being ended. CallStateError if it is unanswered.
        """
        if self.state in (CallState.LEAVING, CallState.CLOSING, CallState.ENDED):
            return
        if self._leave(reason) is CallState.CLOSING:
            self._bye()

    def abandon(self) -> None:
        """Forget the call without a word to anybody, because the endpoint closes."""
        self._ringing.stop()
        super().abandon()

    def record(self) -> DialogRecord:
        """A snapshot from which `SipEndpoint` can end this call after a restart.

        With `hangup_orphan`; and until the ACK came, the caller may still wait for the final
        response: for that there is `reject_orphan`.
        """
        return self.dialog.record(self._pending)

    # What the network does.

    def _acknowledged(self, media: RemoteMedia | None, unusable: bool) -> None:
        self._pending = None
        if self.state is CallState.ESTABLISHED:
            super()._acknowledged(media, unusable)
        elif unusable:
            # Whoever wants no call after all says so by a BYE right behind its ACK; that one counts.
            self._signalling.later(self._signalling.t1_s, self._no_ack)
        elif self._happens(CallEvent.ACK):
            if self.state is CallState.CLOSING:
                self._bye()
            elif self.listener:
                self.listener.acknowledged(self.offer if self._ringing.describes else media)

    def _answer_as_agreed(self) -> None:
        """Offer and answer were in the 180 and its PRACK; the 200 holds neither."""
        invite, self._invite = self._invite, None
        if invite is not None:
            self._accepted(self._transaction, invite, b"", offered=False)()

    def _pracked(self, request: Request) -> None:
        """RFC 3262 3 and 5: the answer to our offer, if the 180 held one; an offer cannot be in it otherwise,
        since that of the INVITE is not answered."""
        refusal = screen_extensions(request)
        if refusal is not None:
            self._signalling.refuse(request, refusal.status, refusal.headers)
            return
        if not self._ringing.takes(request):
            super()._pracked(request)
            return
        body = description_of(request)
        if not self._ringing.describes:
            refused = bool(body)
            self._signalling.transactions.answer(
                request, self._reply(request, 488 if refused else 200)
            )
            return
        transaction = self._signalling.transactions.serve(request)
        say = partial(transaction.respond, self._reply(request, 200))
        self._waiting.hold(say)
        read_located(
            lambda known: self._session.take_answer(body, known),
            self._look_up,
            lambda media: self._agreed_while_ringing(media, say),
            lambda error: self._fail(488, str(error)),
        )

    def _agreed_while_ringing(self, media: RemoteMedia, say: Callable[[], None]) -> None:
        self.offer = media
        self.when_kept(say)
        if self.state is CallState.ANSWERED:
            self._answer_as_agreed()

    def _unconfirmed(self) -> None:
        """No PRACK came within 64*T1 (RFC 3262 3)."""
        self._fail(504, "the ringing was not acknowledged")

    def _fail(self, status: int, why: str) -> None:
        """There can be no call: its INVITE is refused, whatever the owner did with it by then."""
        answered = self.state is CallState.ANSWERED
        if not self._happens(CallEvent.BYE if answered else CallEvent.REJECT):
            return
        self._waiting.flush()
        self._finish(status, None, ())
        cause = SipCause(status, None, why)
        if self.listener and answered:
            self.listener.hung_up(cause)
        elif self.listener:
            self.listener.cancelled(cause)

    def _bye_received(self, request: Request) -> None:
        if self.state is CallState.OFFERED:
            answer = partial(
                self._signalling.transactions.answer, request, self._reply(request, 200)
            )
            self._withdrawn(request, answer)
        else:
            super()._bye_received(request)

    def _reinvited(self, request: Request) -> None:
        if self.state is CallState.OFFERED:
            self._signalling.refuse(request, 500, retry_soon())
        else:
            super()._reinvited(request)

    def _updated(self, request: Request) -> None:
        if request.body and self.state is CallState.OFFERED:
            self._signalling.refuse(request, 500, retry_soon())
        else:
            super()._updated(request)

    def _withdrawn(self, request: Request, answer: Callable[[], None]) -> None:
        """CANCEL (RFC 3261 9.2), or BYE before the answer (15.1.2), to which `answer` says 200.

        That and the 487 leave when it is on disk: the caller asks no more then, and another process would
        ring on. Until they have left it is on disk that they are owed.
        """
        if not self._happens(CallEvent.WITHDRAWN):
            answer()
            return
        refusal = None
        if self._invite is not None:
            refusal = self._reply(self._invite, 487, headers=with_reason(487, ()))

        def leave() -> None:
            answer()
            if refusal is not None:
                self._transaction.respond(487, refusal)
            self._pending, self.owes_refusal = None, False
            if self.listener:
                self.listener.dialog_changed()

        once_kept = self.once_kept  # the owner may let go of a call that is over
        pending = self._pending
        self._end()
        self._pending, self.owes_refusal = pending, pending is not None
        if self.listener:
            self.listener.cancelled(cause_of_request(request))
        self._waiting.until(once_kept, leave)

    def _unheard(self, before: CallState) -> None:
        if self.listener and before is not CallState.LEAVING:
            self.listener.no_ack()

    # How it is done.

    def _keep(self, kept: dict[str, object], keys: dict[str, str]) -> None:
        offer = self.offer
        if offer is not None and (self._kept_offer is None or self._kept_offer[0] is not offer):
            self._kept_offer = offer, kept_media(offer)
        mine: dict[str, object] = {
            "source": listed(self.source),
            "offer": self._kept_offer[1] if offer and self._kept_offer else None,
            "describes": self._ringing.describes,
            "pending": self._pending.as_dict() if self._pending else None,
        }
        if self._invite is not None:
            text = self._kept_invite = self._kept_invite or text_of(self._invite)
            secret = "a=crypto:" in text
            if secret:
                keys["invite"] = text
            mine["invite"] = "" if secret else text
            mine["rings"], mine["ringing"] = self.rings, self._ringing.kept(keys)
        kept["in"] = mine
        super()._keep(kept, keys)

    def _finish(self, status: int, phrase: str | None, headers: HeaderLines) -> None:
        """The final response that refuses the INVITE."""
        if self._invite is not None:
            data = self._reply(self._invite, status, phrase, headers=with_reason(status, headers))
            self._transaction.respond(status, data)
        self._end()

    def _end(self) -> None:
        self._ringing.stop()
        self._invite = self._offer = self._pending = None
        super()._end()
