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
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from onhook.blocks.request import SipHeaders
from onhook.calls import clock
from onhook.calls.attempt import Attempt
from onhook.calls.call_media import CallMedia
from onhook.calls.callees import Callee, Route
from onhook.calls.dialogs import OpenDialog
from onhook.calls.first_leg import FirstLegListener
from onhook.calls.kept_resources import kept_route, route_of
from onhook.calls.turns import Turn
from onhook.media.stream import Latching
from onhook.numbers import E164
from onhook.phone.addresses import Address, listed, unlisted
from onhook.phone.cause import SipCause
from onhook.phone.incoming import IncomingCall
from onhook.phone.kept.outside import outside
from onhook.phone.lifecycle import CallState, OutgoingListener
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


OnceKept = Callable[[Callable[[], None]], None]
"""Calls what it is given when all that the leg keeps now is on disk."""


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

    def adopt(
        self, kept: Mapping[str, object], listener: OutgoingListener, trunk: Trunk | None
    ) -> IncomingCall | OutgoingCall:
        """The call of an earlier process, as its ``kept()`` said. Raises ValueError for what is none."""

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
        once_kept: OnceKept | None = None,
    ) -> "OutboundLeg":
        """Calls somebody, whose audio is to come to ``port``. The listener hears nothing before this
        has returned, and then in the end one ``failed``, ``hung_up`` or ``hangup_done``.

        With ``on_next`` no INVITE leaves before :meth:`OutboundLeg.launch`: the owner writes what
        :meth:`OutboundLeg.dialog` says first, now and each time it is told that another trunk is next.
        With ``once_kept``, what no other process could know of waits for it (phone.DialogClient).
        """
        leg = OutboundLeg(self, callee)
        leg.dial(port, listener, on_next, once_kept)
        return leg

    def adopt(
        self,
        kept: "KeptOutbound",
        *,
        port: int,
        listener: OutgoingListener,
        on_next: Callable[[], None],
        once_kept: OnceKept,
    ) -> "OutboundLeg":
        """Goes on with a call of an earlier process, as :meth:`dial` would have made it. Raises
        ValueError."""
        leg = OutboundLeg.adopted(self, kept)
        leg.dial(port, listener, on_next, once_kept)
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


@dataclass(frozen=True, slots=True)
class KeptOutbound:
    """A call of ours as an earlier process had it: ``phone`` is what its phone kept, ``route`` the trunk that
    has it, ``left`` what is to be tried after it."""

    phone: Mapping[str, object]
    port: int
    route: Route
    rang: bool
    number: E164
    left: tuple["_Try", ...] = ()
    headers: SipHeaders = ()

    @classmethod
    def read(cls, found: Mapping[str, Any], trunks: Mapping[str, Trunk]) -> "KeptOutbound":
        """What :meth:`OutboundLeg.kept` wrote. A trunk that is not there any more is not tried. Raises
        ValueError, KeyError or TypeError for what is none of it, or if the trunk that has it is gone."""
        tries = [_read_try(one, trunks) for one in found["tries"]]
        if not tries or tries[0] is None:
            raise ValueError("the trunk of a call is gone")
        return cls(
            found["phone"],
            outside(found["phone"]).port,
            tries[0][0],
            bool(found["rang"]),
            E164(str(found["number"])),
            tuple(one for one in tries[1:] if one is not None),
            tuple((str(name), str(value)) for name, value in found["headers"]),
        )


def _listened_to(
    call: OutgoingCall, on_heard: Callable[[], None], once_kept: OnceKept | None
) -> None:
    call.on_heard = on_heard
    if once_kept is not None:
        call.once_kept = once_kept


def _kept_try(route: Route, server: Address | None) -> list[object]:
    return [kept_route(route), None if server is None else listed(server)]


def _read_try(found: Sequence[Any], trunks: Mapping[str, Trunk]) -> _Try | None:
    route, server = found
    known = route_of(route, trunks)
    return None if known is None else (known, None if server is None else unlisted(server))


class OutboundLeg:
    """One call, through whichever trunk takes it (FirstLeg, for a call that begins with it).

    As a first leg its INVITE waits for its ``turn``, if it has one.
    """

    owes_refusal = False
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
        self._once_kept: OnceKept | None = None
        self._loop = asyncio.get_running_loop()
        self._attempt: Attempt | None = None
        self._given_up = False
        self._failed: SipCause | None = None
        self._kept: KeptOutbound | None = None

    @classmethod
    def adopted(cls, outbound: Outbound, kept: KeptOutbound) -> "OutboundLeg":
        """The call of an earlier process; it goes on where a new one would be dialled."""
        leg = cls(outbound, Callee(kept.number, (kept.route,), kept.headers))
        leg._left, leg._kept = list(kept.left), kept
        return leg

    def kept(self) -> Mapping[str, object] | None:
        """What :meth:`adopted` takes of it in another process; None if there is no attempt any more. What is
        in it JSON can hold."""
        attempt = self._attempt
        if attempt is None or self._failed is not None:
            return None
        tries = [
            (attempt.route, None),
            *self._left,
            *((attempt.route, o) for o in attempt.call.others),
        ]
        return {
            "phone": attempt.call.kept(),
            "number": self._number,
            "rang": attempt.rang,
            "tries": [_kept_try(*one) for one in tries],
            "headers": [list(each) for each in self._headers],
        }

    # What its owner does --------------------------------------------------------------------------

    def dial(
        self,
        port: int,
        listener: OutgoingListener,
        on_next: Callable[[], None] | None = None,
        once_kept: OnceKept | None = None,
    ) -> None:
        """Calls through the first trunk, once; see :meth:`Outbound.dial`."""
        self._once_kept = once_kept
        self._port, self._listener, self._on_next = port, listener, on_next
        if self._kept is not None:
            self._go_on_with(self._kept)
        elif not self._next():
            self._failed = SipCause(503, None, "there is no route to a trunk")
            self._loop.call_soon(self._listener.failed, self._failed)

    def attach(
        self, listener: FirstLegListener, media: CallMedia, on_heard: Callable[[], None]
    ) -> None:
        """Makes the call; no INVITE leaves before it is written down."""
        self._on_heard = on_heard
        port = media.port if self._kept is None else self._kept.port
        self.dial(port, listener, lambda: listener.leg_changed(self.launch), listener.once_kept)

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

    @property
    def agreed(self) -> RemoteMedia | None:
        """What was agreed of the audio."""
        return self._attempt.call.agreed if self._attempt is not None else None

    def answer(self, port: int) -> None:
        """Its callee answers, not we."""
        raise AssertionError("a call that we place is never answered by us")

    def reject(self, code: int, headers: HeaderLines = ()) -> bool:
        """Nobody waits for our answer."""
        return False

    @property
    def established(self) -> bool:
        """Whether it was answered, and goes on."""
        return self._attempt is not None and self._attempt.call.state is CallState.ESTABLISHED

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

    def hangup(self, reason: Reason | None = NORMAL, headers: HeaderLines = ()) -> None:
        """CANCEL until the answer, BYE with these headers afterwards; ``failed`` or ``hangup_done``
        follows. No other trunk is tried. Without a reason nothing is said, and nothing follows."""
        self._given_up = True
        if self._attempt is not None and reason is None:
            self._attempt.release()
            self._attempt.call.abandon()
        elif self._attempt is not None and reason is not None:
            self._attempt.call.parting_headers = headers
            self._attempt.hangup(reason)

    def release(self) -> None:
        """Its owner, for whom it is over, hears nothing more of it."""
        if self._attempt is not None:
            self._attempt.release()
        self._attempt = self._on_next = self._once_kept = self._turn = None
        del self._listener

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
            return
        attempt.release()
        if self._on_next is not None:
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
        _listened_to(attempt.call, self._on_heard, self._once_kept)
        return attempt

    def _go_on_with(self, kept: KeptOutbound) -> None:
        """The attempt of an earlier process is this one's, too."""
        self._kept = None
        attempt = Attempt(kept.route, self._outbound, self._listener, self._unanswered)
        attempt.rang = kept.rang
        call = self._outbound.dialler.adopt(kept.phone, attempt, kept.route.trunk)
        if not isinstance(call, OutgoingCall):
            raise ValueError("not a record of a call of ours")
        attempt.call = call
        _listened_to(call, self._on_heard, self._once_kept)
        self._attempt = attempt
        if call.state is CallState.DIALLING:
            self._await_answer()

    def _await_answer(self) -> None:
        """The INVITE leaves. The last server of the last trunk is waited for as long as it takes."""
        attempt = self._attempt
        if attempt is None:
            return
        self._left[:0] = [(attempt.route, other) for other in attempt.take_others()]
        if self._left:
            same = self._left[0][0] is attempt.route
            attempt.be_impatient(SERVER_PATIENCE_S if same else PATIENCE_S)
