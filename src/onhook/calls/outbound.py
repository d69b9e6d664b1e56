"""A call that leaves through trunks, one after the other until one of them takes it.

To its owner it is one call: of an :class:`OutboundLeg` it hears what an ``OutgoingListener`` does, whichever
trunk it comes from. The next trunk is tried when one fails before anything rang:

- it answers 500, 502, 503 or 504: its own trouble, or that of what is behind it;
- it cannot be reached (503), or does not answer at all (408 by timer B, RFC 3261, 17.1.1.2). As long as
  there is another one, nobody waits for timer B: a trunk that says nothing, not even 100, for 6 s is
  given up.

A trunk may have several servers (RFC 3263). Those that the name leads to are tried in their order before the
next trunk is: where one cannot be reached, says 503, or says nothing at all for 4 s. Each gets a call of its
own, like each trunk, with another Call-ID: an exchange that stands behind both and heard of the call from one
of them would refuse what the other one brings (482).

Everything else is an answer of the called side, which no other trunk would change. A trunk that was not there
is tried last for half a minute, so that the next calls do not wait for it as well.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from onhook.calls import clock
from onhook.calls.attempt import Attempt
from onhook.calls.call_media import CallMedia
from onhook.calls.callees import Callee, Route
from onhook.calls.dialogs import OpenDialog
from onhook.calls.first_leg import FirstLegListener
from onhook.calls.turns import Turn
from onhook.media.stream import Latching
from onhook.phone.addresses import Address
from onhook.phone.cause import SipCause
from onhook.phone.lifecycle import OutgoingListener
from onhook.phone.locating.locator import Locator
from onhook.phone.outgoing import OutgoingCall
from onhook.phone.reason import NORMAL, Reason
from onhook.phone.reply import HeaderLines
from onhook.phone.sdp import RemoteMedia
from onhook.phone.timers import Clock
from onhook.phone.trunk import ShownCaller, Trunk

log = structlog.get_logger()

_KEYS_IN_THE_CLEAR = "Encryption hides nothing from who can read the SIP; use --transport tls."

_NOT_THERE = frozenset({408, 503})
_TRY_ANOTHER = _NOT_THERE | {500, 502, 504}
PATIENCE_S = 6.0
"""A trunk that says nothing for this long is given up, if there is another one."""
SERVER_PATIENCE_S = 4.0
"""A server of a trunk that says nothing for this long is given up, if the trunk has another one. Its INVITE
has left four times by then (RFC 3261 17.1.1.2)."""
REST_S = 30.0
"""A trunk that was not there is tried last for this long."""


class Dialler(Protocol):
    """Places calls (phone.SipEndpoint)."""

    locator: Locator

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
        """Makes a call, whose listener hears nothing before this has returned, and whose INVITE has
        these headers too."""

    def launch(self, call: OutgoingCall, on_sent: Callable[[], None] | None = None) -> None:
        """Sends the INVITE of a call that was not dialled at once; ``on_sent`` is called when it has
        left, or never will."""

    def local_address_towards(self, peer: str) -> str:
        """The address of ours that a peer is told. Raises OSError without a route."""


class TrunkHealths(Protocol):
    """Knows how trunks are (calls.trunk_watch)."""

    def is_bad(self, name: str) -> bool:
        """Whether a trunk that is asked regularly is not well."""

    def noted(self, name: str, *, absent: bool) -> None:
        """What a call through a trunk came to: it was there, or not."""


class Outbound:
    """Places calls through the trunks of a callee."""

    def __init__(
        self,
        dialler: Dialler,
        timers: Clock | None = None,
        health: TrunkHealths | None = None,
    ) -> None:
        """``timers`` are those of the event loop unless a test says otherwise."""
        self._health = health
        self.dialler = dialler
        self.timers: Clock = timers or asyncio.get_running_loop()
        self.counters: Counter[tuple[str, str]] = Counter()
        """By trunk and outcome: ``taken`` (it rang, or was answered), ``failed`` (the trunk's trouble),
        ``refused`` (the called side's word), ``withdrawn`` (hung up before anything rang)."""
        self._resting: dict[str, float] = {}
        self._warned: set[str] = set()

    def dial(
        self,
        callee: Callee,
        *,
        port: int,
        listener: OutgoingListener,
        on_next: Callable[[], None] | None = None,
    ) -> "OutboundLeg":
        """Calls somebody, whose audio is to come to ``port``. The listener hears nothing before this
        has returned, and then in the end one ``failed``, ``hung_up`` or ``hangup_done``.

        With ``on_next`` no INVITE leaves before :meth:`OutboundLeg.launch`: the owner writes what
        :meth:`OutboundLeg.dialog` says first, now and each time it is told that another trunk is next.
        """
        leg = OutboundLeg(self, callee)
        leg.dial(port, listener, on_next)
        return leg

    def in_order(self, routes: Sequence[Route]) -> Sequence[Route]:
        """The routes as they are to be tried: those that were not there, or are not well, come last."""
        return sorted(routes, key=lambda route: self._comes_last(route.name))

    def _comes_last(self, name: str) -> bool:
        resting = self._resting.get(name, 0.0) > clock.now_s()
        return resting or (self._health is not None and self._health.is_bad(name))

    def warn_of_keys(self, route: Route) -> None:
        """The keys of encrypted audio stand in SIP, which all on its way can read over UDP and TCP."""
        transport = route.trunk.next_hop.transport
        if route.trunk.srtp == "off" or transport == "tls" or route.name in self._warned:
            return
        self._warned.add(route.name)
        log.warning(
            "srtp_keys_in_the_clear", trunk=route.name, transport=transport, hint=_KEYS_IN_THE_CLEAR
        )

    def note(self, route: Route, outcome: str, *, absent: bool = False) -> None:
        """What a call through this trunk came to; ``absent`` if the trunk was not there."""
        self.counters[route.name, outcome] += 1
        if self._health is not None and (absent or outcome in ("taken", "refused")):
            self._health.noted(route.name, absent=absent)
        if absent:
            self._resting[route.name] = clock.now_s() + REST_S
        elif outcome == "taken":
            self._resting.pop(route.name, None)

    def audio_ip(self, trunk: Trunk, server: Address | None) -> str:
        """The address of ours that the trunk is to send audio to. Raises OSError without a route."""
        return self.dialler.local_address_towards(server[0] if server else trunk.next_hop.host)


_Try = tuple[Route, Address | None]
"""A trunk, and its server; None where that is not looked up yet."""


class OutboundLeg:
    """One call, through whichever trunk takes it (FirstLeg, for a call that begins with it).

    As a first leg its INVITE waits for its ``turn``, if it has one.
    """

    _listener: OutgoingListener

    def __init__(self, outbound: Outbound, callee: Callee, turn: Turn | None = None) -> None:
        self._outbound = outbound
        self._number = callee.number
        self._headers = callee.headers
        self._left: list[_Try] = [(route, None) for route in outbound.in_order(callee.routes)]
        self._turn = turn
        self._port = 0
        self._on_next: Callable[[], None] | None = None
        self._on_heard: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._attempt: Attempt | None = None
        self._given_up = False
        self._failed: SipCause | None = None

    # What its owner does --------------------------------------------------------------------------

    def dial(
        self,
        port: int,
        listener: OutgoingListener,
        on_next: Callable[[], None] | None = None,
    ) -> None:
        """Calls through the first trunk, once; see :meth:`Outbound.dial`."""
        self._port, self._listener, self._on_next = port, listener, on_next
        if not self._next():
            self._fail(SipCause(503, None, "there is no route to a trunk"))

    def attach(
        self, listener: FirstLegListener, media: CallMedia, on_heard: Callable[[], None]
    ) -> None:
        """Makes the call; no INVITE leaves before it is written down."""
        self._on_heard = on_heard
        self.dial(media.port, listener, lambda: listener.leg_changed(self.launch))

    def alert(self) -> None:
        """The INVITE leaves, or will when it is its turn."""
        if self._turn is None:
            self.launch()
        else:
            self._turn.take(self.launch)

    @property
    def logged(self) -> Mapping[str, object]:
        """The trunk that had it last."""
        return {"trunk": self.trunk} if self.trunk else {}

    @property
    def offer(self) -> RemoteMedia | None:
        """The offer is ours."""
        return None

    def answer(self, port: int) -> None:
        """Its callee answers, not we."""
        raise AssertionError("a call that we place is never answered by us")

    def reject(self, code: int, headers: HeaderLines = ()) -> bool:
        """Nobody waits for our answer."""
        return False

    @property
    def trunk(self) -> str:
        """The name of the trunk that is being tried, or has the call; empty without any."""
        return self._attempt.route.name if self._attempt else ""

    def launch(self, on_sent: Callable[[], None] | None = None) -> None:
        """Sends the INVITE, if that was left to the owner and is still wanted. ``on_sent`` is called
        when it has left, or never will."""
        attempt = self._attempt

        def sent() -> None:
            if attempt is not None and attempt is self._attempt:
                self._await_answer()
            if on_sent is not None:
                on_sent()

        if attempt is not None:
            self._outbound.dialler.launch(attempt.call, sent)
        else:
            sent()

    def hangup(self, reason: Reason = NORMAL, headers: HeaderLines = ()) -> None:
        """CANCEL until the answer, BYE with these headers afterwards; ``failed`` or ``hangup_done``
        follows. No other trunk is tried."""
        self._given_up = True
        if self._attempt is not None:
            self._attempt.call.parting_headers = headers
            self._attempt.hangup(reason)

    def probe(self, on_result: Callable[[SipCause], None]) -> bool:
        """Asks the callee's phone whether it has the call; False if it is not established."""
        return self._attempt is not None and self._attempt.call.probe(on_result)

    def dialog(self) -> OpenDialog | None:
        """What it takes to end the present attempt after a restart; None if there is none."""
        if self._attempt is None or self._failed is not None:
            return None
        return OpenDialog(self._attempt.call.record(), self.trunk)

    def latching(self) -> Latching:
        """Where the audio of the present attempt may come from."""
        if self._attempt is None:
            return Latching()
        anybody = self._attempt.route.trunk.audio_from_anywhere
        return Latching(self._attempt.call.signalling_ips, anybody)

    # What an attempt came to ----------------------------------------------------------------------

    def _unanswered(self, attempt: Attempt, cause: SipCause) -> None:
        """The attempt failed, or said nothing for too long, and nothing of it follows."""
        trouble = cause.status in _TRY_ANOTHER
        self._left[:0] = [(attempt.route, other) for other in attempt.take_others()]
        if not attempt.server_failed(cause):
            self._left = [each for each in self._left if each[0] is not attempt.route]
        elsewhere = any(route is attempt.route for route, _ in self._left)
        if not attempt.rang and (self._given_up or not elsewhere):
            outcome = "withdrawn" if self._given_up else "failed" if trouble else "refused"
            absent = outcome == "failed" and cause.status in _NOT_THERE
            self._outbound.note(attempt.route, outcome, absent=absent)
        again = trouble and not attempt.rang and not self._given_up
        if not (again and self._next(after=cause)):
            self._failed = cause
            self._listener.failed(cause)
        elif self._on_next is not None:
            self._on_next()

    def _next(self, after: SipCause | None = None) -> bool:
        """Dials the next server, of this trunk or of the next, that there is a route to; False if there is
        none."""
        failed = self.trunk
        while self._left:
            route, server = self._next_server(*self._left.pop(0))
            try:
                ip = self._outbound.audio_ip(route.trunk, server)
            except OSError:
                log.warning("trunk_without_route", trunk=route.name)
                continue
            if after is not None:
                event = "trunk_server_failed" if failed == route.name else "trunk_failed"
                log.warning(event, trunk=failed, sip_code=after.status, next=route.name)
            self._attempt = self._dialled(route, ip, server)
            if self._on_next is None:
                self._await_answer()
            return True
        return False

    def _next_server(self, route: Route, server: Address | None) -> "_Try":
        """The first server of a trunk whose servers are known; the others are left for later."""
        servers = self._outbound.dialler.locator.servers_of(route.trunk) if server is None else None
        if not servers:
            return route, server
        self._left[:0] = [(route, other) for other in servers[1:]]
        return route, servers[0]

    def _dialled(self, route: Route, ip: str, server: Address | None) -> Attempt:
        attempt = Attempt(route, self._outbound, self._listener, self._unanswered)
        self._outbound.warn_of_keys(route)
        attempt.call = self._outbound.dialler.dial(
            route.trunk,
            self._number,
            route.caller,
            ip=ip,
            port=self._port,
            listener=attempt,
            at_once=self._on_next is None,
            headers=self._headers,
            server=server,
        )
        attempt.call.on_heard = self._on_heard
        return attempt

    def _await_answer(self) -> None:
        """The INVITE leaves. The last server of the last trunk is waited for as long as it takes."""
        attempt = self._attempt
        if attempt is None:
            return
        self._left[:0] = [(attempt.route, other) for other in attempt.take_others()]
        if self._left:
            same = self._left[0][0] is attempt.route
            attempt.be_impatient(SERVER_PATIENCE_S if same else PATIENCE_S)

    def _fail(self, cause: SipCause) -> None:
        self._failed = cause
        self._loop.call_soon(self._listener.failed, cause)
