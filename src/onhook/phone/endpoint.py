"""The SIP endpoint: what the rest of Onhook sees of the telephone network.

Who is answered how:
    - a request of a live dialog goes to its call, wherever it comes from: the tags prove that
      the sender knows the call, and a lost BYE would leave it hanging;
    - a CANCEL belongs to its INVITE, if it comes from the same host;
    - an INVITE from neither `trusted_peers` nor a trunk gets 401 where a trunk's user may call from
      anywhere; anything else from there 403, without state; what cannot be read, silence;
    - refusals of new requests are stateless (RFC 3261 8.2.7): a repeated request is refused again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Network, IPv6Network

import structlog

from onhook import identifiers
from onhook.listeners import ListenAddress
from onhook.phone.adoption.adopting import adopted
from onhook.phone.adoption.incoming import AdoptedIncoming
from onhook.phone.adoption.outgoing import AdoptedOutgoing
from onhook.phone.binding import BoundListener, bind
from onhook.phone.bodies import READABLE
from onhook.phone.cause import SipCause
from onhook.phone.dialog import HEADROOM, DialogRecord, SipDialog
from onhook.phone.dialog_client import DialogClient
from onhook.phone.digest import Authenticator
from onhook.phone.errors import SdpError
from onhook.phone.inbound.door import Door
from onhook.phone.inbound.sources import InboundSources, Origin, TrunkOf
from onhook.phone.incoming import IncomingCall
from onhook.phone.kept.reading import Kept
from onhook.phone.launching import launch, take_back
from onhook.phone.leg import Leg
from onhook.phone.lifecycle import CallListener, CallState, OutgoingListener
from onhook.phone.locating.locator import Locator
from onhook.phone.locating.names import Names
from onhook.phone.locating.target import of_trunk
from onhook.phone.media_hosts import MediaHosts
from onhook.phone.message import Address, Request, TcpAddress
from onhook.phone.nat.public_address import OutsideView
from onhook.phone.once_a_minute import OnceAMinute
from onhook.phone.orphan import Orphan
from onhook.phone.outgoing import OutgoingCall
from onhook.phone.outline import Outline
from onhook.phone.pending import refuse_pending
from onhook.phone.reason import with_reason
from onhook.phone.reply import ALLOW, HeaderLines, check_headers, response
from onhook.phone.routing import return_address
from onhook.phone.screening import Refusal, refuse_description, refuse_misplaced, screen
from onhook.phone.sdp import is_ipv6
from onhook.phone.strays import strays
from onhook.phone.tags import Tags
from onhook.phone.timers import Clock, SipTimers, TimerHandle
from onhook.phone.tls.contexts import ServerCertificate
from onhook.phone.trunk import ShownCaller, Trunk
from onhook.phone.wire import MessagePath, OnMessage

log = structlog.get_logger()

_UNREGISTERED = (
    "Nothing can register yet. Switch that off at the phone; it calls by our address and port."
)

OnCall = Callable[[IncomingCall], CallListener | None]
"""Told of each new call. Returns its listener, or None if the call was rejected or has one set;
a call that is left without either is rejected with 480."""
Admits = Callable[[str], bool]
"""Whether a new call from this numeric host is taken; must be quick."""
_SHED = (("Retry-After", "5"),)
"""Soon: the next second may be quieter."""


class SipEndpoint(MessagePath):
    """Calls to us and calls of ours, over UDP and TCP.

    `contact_host` is the address that peers are told to reach us at, by default the one the socket
    is bound to, or for 0.0.0.0 the one that routes to the peer. `capacity` bounds the calls held
    at once; beyond it new ones get 503. An empty `trusted_peers` trusts nobody. `clock` is the
    event loop unless a test says otherwise. `draining` may be set at any time: new
    calls and the probes of a dispatcher (OPTIONS) get 503 then, live calls go on. Without `trying`
    no 100 is sent: an owner that first stores a call lets the caller repeat its INVITE until then,
    so that one which nobody knows of yet is not lost with the process; it has to ring, answer or
    reject within 200 ms as a rule (RFC 3261 17.2.1). `sends_audio_to` says which media addresses in
    digits can be sent to. What `admits` does not take gets 503 before
    anything is kept of it; OPTIONS and requests of live calls are not asked about. What `trunk_of` knows the
    trunk of is taken though it comes from outside `trusted_peers`. `session_timer_s` is what calls to us
    get whose callers know session timers and ask for none (RFC 4028); 0 is none. `names` looks trunks up, by
    default at the name servers of this machine; `locator` is what everybody finds servers by. `outside`
    says what peers outside our networks are told instead of our own address.
    """

    def __init__(
        self,
        *,
        on_call: OnCall,
        trusted_peers: Sequence[IPv4Network | IPv6Network],
        user_agent: str = "Onhook",
        contact_host: str | None = None,
        capacity: int = 5000,
        retry_after_s: int = 30,
        trying: bool = True,
        session_timer_s: int = 1800,
        admits: Admits = lambda host: True,
        trunk_of: TrunkOf = lambda request: "",
        sends_audio_to: Callable[[str], bool] = lambda ip: not is_ipv6(ip),
        timers: SipTimers | None = None,
        clock: Clock | None = None,
        on_message: OnMessage | None = None,
        names: Names | None = None,
        outside: OutsideView | None = None,
    ) -> None:
        super().__init__(
            trusted_peers=trusted_peers,
            contact_host=contact_host,
            outside=outside,
            user_agent=user_agent,
            timers=timers,
            clock=clock,
            on_message=on_message,
            max_lingering=4 * capacity,
        )
        self.trying = trying
        self.session_timer_s = session_timer_s
        self.draining = False
        self.headroom = HEADROOM
        """How many numbers are left out in dialogs of a process before this one (`headroom_of`)."""
        self._on_call = on_call
        self._admits = admits
        self.sends_audio_to = sends_audio_to
        self._capacity = capacity
        self._retry_after = (("Retry-After", str(retry_after_s)),)
        self.locator = Locator(names, rank=self.rank)
        self.media_hosts = MediaHosts()
        self._calls: dict[tuple[str, str], Leg] = {}
        self._adopted: list[AdoptedIncoming | AdoptedOutgoing] = []
        self._orphan_timers: list[TimerHandle] = []
        self._door = Door(self._neighbours.trusts, time.monotonic, trunk_of)
        self._registering = OnceAMinute()
        self._tag = Tags()

    def take_calls_of(self, sources: InboundSources) -> None:
        """The trunks that calls come by, from now on."""
        self._door.sources = sources
        self._neighbours.know(lambda host: sources.at(host) is not None)

        def trunk_at(host: str) -> Address | None:
            trunk = sources.at(host)
            return of_trunk(trunk).at(trunk.host) if trunk else None

        self._sockets.trunk_at = trunk_at

    @property
    def live_calls(self) -> int:
        """Calls that have not ended, of both directions; those of earlier processes (orphans) apart."""
        return len(self._calls)

    @property
    def counters(self) -> Mapping[str, int]:
        """What happened since the start.

        `requests.<METHOD>`, `responses.<n>xx` (sent, repetitions included), `malformed`, `refused`
        (from outside the trusted peers and trunks), `challenged` (asked for a password), `overloaded`, `shed`
        (not admitted), `excessive` (more requests within dialogs than are kept), `retransmissions`, `unsent`,
        `unread` (waited for too long), `overflowed` (thrown away by the kernel), `keepalives`.
        """
        repeated = self._layer.retransmissions if self._layer else 0
        excessive = self._layer.excessive if self._layer else 0
        unsent = self._sockets.dropped
        own = {
            "retransmissions": repeated,
            "excessive": excessive,
            "unsent": unsent,
            "unread": self._sockets.unread,
            "overflowed": self._sockets.overflowed,
        }
        return {**self._counters, **own}

    async def start(self, host: str, port: int) -> None:
        """Bind and listen, over UDP and TCP; port 0 picks one, see `address`. OSError passes through."""
        await self.listen((ListenAddress(host, port),))

    async def listen(
        self, addresses: Sequence[ListenAddress], certificate: ServerCertificate | None = None
    ) -> None:
        """Bind and listen; port 0 picks one, see `listeners`. A `tls` one needs the certificate.

        Raises `ListenerRefused`, an OSError.
        """
        await self.serve(bind(addresses), certificate)

    def adopt(
        self,
        kept: Kept,
        listener: CallListener | OutgoingListener,
        trunk: Trunk | None = None,
    ) -> IncomingCall | OutgoingCall:
        """Take over a leg that another process had, from what its `Leg.kept` said last; between `stand_at`
        and `serve`.

        It is an `IncomingCall` if that was a call to us, with a `CallListener`, else an `OutgoingCall`, with
        an `OutgoingListener` and a `trunk` (`kept.outside` says which, and the name of the trunk). The
        `trunk` of a call to us is None if it came by none. The listener hears nothing, and nothing of the
        call leaves, before `serve`, unless the owner hangs it up. Numbers (CSeq) go on with some headroom, so
        that what the other process sent after its last record is no obstacle.

        What was under way goes on with `serve`: a 2xx without its ACK is sent again as it was, an INVITE of
        ours without an answer too; a refresh of the session, PRACK and BYE are asked anew; OPTIONS (`probe`)
        are given up. A caller that rings hears of us when the owner rings, answers or rejects.

        Raises `KeptUnreadable`, a ValueError, for what cannot be taken over: it is to be ended by
        `hangup_orphan` or `reject_orphan`, by its `DialogRecord`. Nothing of the call is left here then.
        """
        call = adopted(kept, listener, self, trunk)
        key = (call.dialog.call_id, call.dialog.local_tag)
        self._calls[key] = call
        self._adopted.append(call)
        return call

    async def serve(
        self, bound: Sequence[BoundListener] = (), certificate: ServerCertificate | None = None
    ) -> None:
        """Read: what has waited since `stand_at`, or from now on at sockets that are bound; they are the
        endpoint's. What was adopted goes on."""
        if self._layer is None:
            await self.stand_at(bound, certificate)
        self.transactions.on_stray_success = strays(self._calls)
        adopted, self._adopted = self._adopted, []
        for call in adopted:
            call.go_on()
        await self._sockets.read()
        await self.handover.go_on()
        for each in self.listeners:
            log.info("sip_listening", host=each.host, port=each.port, transport=each.transport)

    async def close(self) -> None:
        """Stop listening. Live calls are forgotten without a word: hang them up first."""
        self._stop()
        for timer in self._orphan_timers:
            timer.cancel()
        self._orphan_timers.clear()
        for call in [*self._calls.values()]:
            call.abandon()
        self._calls.clear()
        self.locator.close()
        self.media_hosts.close()
        await self._sockets.close()

    def dial(
        self,
        trunk: Trunk,
        called: str,
        caller: ShownCaller,
        *,
        ip: str,
        port: int,
        listener: OutgoingListener,
        at_once: bool = True,
        headers: HeaderLines = (),
        server: Address | None = None,
    ) -> OutgoingCall:
        """Place a call through a trunk; our audio is at `ip` (numeric IPv4) and `port`.

        It goes to `server`, or else to the first server of the trunk (`locator`); where those are not known
        yet, our audio is at the address that the one found is told. `called` is the user part of the
        Request-URI, for instance a number with its `+`. `listener`
        hears nothing before this has returned. Unless `at_once`, the INVITE leaves with `launch`: an
        owner that writes a call's record first leaves no phone ringing for nobody. `headers` stand in
        the INVITE beside ours. ValueError for what cannot be dialled.
        """
        outline = Outline(
            trunk,
            called,
            caller,
            call_id=identifiers.token_hex(16),
            tag=identifiers.token_hex(8),
            token=identifiers.token_hex(8),
            extra=_apart_from(trunk, check_headers(headers)),
        )
        call = OutgoingCall(outline, listener, self, ip=ip, port=port)
        known = (server,) if server is not None else self.locator.servers_of(trunk)
        if known:
            call.aim(known[0], known[1:])
        if len(self._calls) >= self._capacity:
            self._counters["overloaded"] += 1
            cause = SipCause(503, None, "too many calls")
            self._running_clock.call_later(0, call.fail, cause)
        elif at_once:
            self.launch(call)
        self._calls[call.dialog.call_id, call.dialog.local_tag] = call
        return call

    def launch(self, call: OutgoingCall, on_sent: Callable[[], None] | None = None) -> None:
        """Send the INVITE of a call that was not dialled at once, as soon as its servers are found.

        `on_sent` is called when it has left, or never will.
        """
        launch(call, self.locator, self.local_address_towards, on_sent)

    def hangup_orphan(
        self,
        record: DialogRecord,
        on_done: Callable[[SipCause], None],
        trunk: Trunk | None = None,
        headers: HeaderLines = (),
    ) -> None:
        """End a call that a process before this one left behind; `headers` stand in its BYE.

        Numbers are left out of the sequence, as that process may have sent more than it had written, its last
        BYE among them.
        A call of ours that was not answered is cancelled, and hung up should it be answered by now.
        `trunk` is the one it went through: a challenge of its BYE is answered then.
        """
        record = replace(record, next_cseq=record.next_cseq + self.headroom)
        authenticator = Authenticator(trunk.digest_user, trunk.password) if trunk else None
        orphan = Orphan(record, self, authenticator, on_done, headers)
        take_back(orphan, record, trunk, self.locator)

    def reject_orphan(
        self,
        record: DialogRecord,
        status: int,
        on_told: Callable[[bool], None],
        headers: HeaderLines = (),
    ) -> None:
        """Send the final response that a process before this one owes, until the ACK, with these headers.

        `on_told` hears after 2*T1 whether the ACK came. It does not when that process had sent
        another final response: after a 2xx there is a call, so a BYE has to follow. Raises
        ValueError for a record whose INVITE is not pending, or cannot be read.
        """
        if record.pending is None:
            raise ValueError("the INVITE of this record is not pending")
        timer = refuse_pending(
            self.transactions,
            self._running_clock,
            record.pending,
            status=status,
            local_tag=record.local_tag,
            headers=(*headers, ("Server", self.user_agent)),
            wait_s=2 * self._timers.t1_s,
            on_told=on_told,
        )
        self._orphan_timers.append(timer)

    # For the transactions (TransactionUser).

    def requested(self, request: Request) -> None:
        """A request that belongs to no transaction."""
        call = self._call_of(request)
        if call is not None and request.method != "CANCEL":
            call.requested(request)
        elif request.method == "CANCEL" and self.transactions.invite_of(request) is not None:
            self._cancelled(request)  # whoever sent an INVITE that was taken may take it back
        else:
            origin = self._door.origin_of(request) or self._door.ask(request)
            if isinstance(origin, Refusal):
                self._counters["challenged" if origin.status == 401 else "refused"] += 1
                self.refuse(request, origin.status, origin.headers, origin.phrase)
            elif request.to_tag or request.method == "CANCEL":
                self.refuse(request, 481)
            elif request.method in ("INVITE", "OPTIONS"):
                self._screened(request, origin)
            else:
                self._refuse_misplaced(request)

    def acknowledged(self, request: Request) -> None:
        """An ACK for a 2xx; one that belongs to no call is dropped."""
        call = self._call_of(request)
        if call is not None:
            call.acknowledged(request)

    def is_used(self, peer: TcpAddress) -> bool:
        """Whether the dialog of a call has this peer at its other end."""
        return any(call.dialog.is_with(peer) for call in self._calls.values())

    # For the calls (Signalling).

    def refuse(
        self,
        request: Request,
        status: int,
        headers: HeaderLines = (),
        phrase: str | None = None,
    ) -> None:
        """Answer a request and keep nothing of it."""
        data = response(request, status, phrase, to_tag=self._tag(request), headers=headers)
        self._send(data, return_address(request.via, request.source))

    def forget(self, call: DialogClient) -> None:
        """The call is over: requests within its dialog are answered 481 from now on."""
        self._calls.pop((call.dialog.call_id, call.dialog.local_tag), None)

    # Requests outside a dialog.

    def _refuse_misplaced(self, request: Request) -> None:
        refusal = refuse_misplaced(request, self.sent_by(request.source))
        host = request.source[0]
        if request.method == "REGISTER" and self._registering.is_news(host):
            status = refusal.status
            log.info("sip_registration_refused", peer=host, status=status, hint=_UNREGISTERED)
        self.refuse(request, refusal.status, refusal.headers)

    def _screened(self, request: Request, origin: Origin) -> None:
        refusal = screen(request)
        if refusal is None and request.method == "INVITE" and self.transactions.is_merged(request):
            refusal = Refusal(482)
        if refusal is None and self.draining:
            refusal = Refusal(503, headers=self._retry_after)
        if refusal is None and request.method == "INVITE" and len(self._calls) >= self._capacity:
            self._counters["overloaded"] += 1
            refusal = Refusal(503, headers=self._retry_after)
        if refusal is not None and request.method == "INVITE":
            self._refuse_invite(request, refusal)
        elif request.method == "INVITE" and not self._admits(request.source[0]):
            self._counters["shed"] += 1
            self.refuse(request, 503, with_reason(503, _SHED))
        elif refusal is not None:
            self.refuse(request, refusal.status, refusal.headers, refusal.phrase)
        elif request.method == "OPTIONS":
            headers = (("Allow", ALLOW), ("Accept", READABLE), ("Server", self.user_agent))
            self.refuse(request, 200, headers)
        else:
            self._invited(request, origin)

    def _invited(self, invite: Request, origin: Origin) -> None:
        try:
            trunk = of_trunk(origin.trunk) if origin.trunk else None
            known = trunk.at(trunk.host) if trunk else None
            dialog = SipDialog.of_invite(invite, self._tag(invite), known)
            key = (dialog.call_id, dialog.local_tag)
            if key in self._calls:  # repeated so late that its transaction is gone
                self._refuse_invite(invite, Refusal(482))
                return
            call = IncomingCall(invite, dialog, self, origin)
        except SdpError as error:
            refusal = refuse_description(error, self.sent_by(invite.source))
            self._refuse_invite(invite, refusal, str(error))
            return
        except ValueError as error:
            self._refuse_invite(invite, Refusal(400, str(error)))
            return
        self._calls[key] = call
        call.locate(lambda: self._offer_to_owner(call))

    def _refuse_invite(self, invite: Request, refusal: Refusal, why: str = "") -> None:
        """A trusted peer's call that nobody hears of; its operator will ask why."""
        log.info(
            "sip_invite_refused",
            status=refusal.status,
            why=why or refusal.phrase or "",
            sip_call_id=invite.call_id,
            peer=invite.source[0],
        )
        headers = with_reason(refusal.status, refusal.headers)
        self.refuse(invite, refusal.status, headers, refusal.phrase)

    def _offer_to_owner(self, call: IncomingCall) -> None:
        try:
            listener = self._on_call(call)
        except Exception:  # the root of what the owner does with a new call
            log.exception("sip_on_call_failed")
            if call.state is CallState.OFFERED:
                call.reject(500)
            return
        if listener is not None:
            call.listener = listener
        elif call.listener is None and call.state is CallState.OFFERED:
            call.reject(480)

    def _cancelled(self, cancel: Request) -> None:
        """RFC 3261 9.2: 200 for the CANCEL itself, whatever becomes of the INVITE."""
        transaction = self.transactions.invite_of(cancel)
        host = cancel.source[0]
        if transaction is None or not (
            transaction.peer[0] == host or self._neighbours.trusts(host)
        ):
            self.refuse(cancel, 481)
            return
        tag = transaction.local_tag or self._tag(cancel)
        # From now on it is known: when it is repeated before it is answered, that is no second one.
        served = self.transactions.serve(cancel)
        answer = partial(served.respond, response(cancel, 200, to_tag=tag))
        if transaction.on_cancel is not None:
            transaction.on_cancel(cancel, answer)
        else:
            answer()

    # Small things.

    def _call_of(self, request: Request) -> Leg | None:
        """The call of the dialog that a request belongs to (RFC 3261 12.2.2)."""
        if not request.to_tag:
            return None
        call = self._calls.get((request.call_id, request.to_tag))
        return call if call is not None and call.knows(request) else None


def _apart_from(trunk: Trunk, headers: HeaderLines) -> tuple[tuple[str, str], ...]:
    """What an application adds to an INVITE: nothing in place of what the operator gave the trunk."""
    own = {name.lower() for name, _ in trunk.headers}
    return tuple((name, value) for name, value in headers if name.lower() not in own)
