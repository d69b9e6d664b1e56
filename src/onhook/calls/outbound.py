"""A call that leaves through trunks, one after the other until one of them takes it.

To its owner it is one call: of an :class:`OutboundLeg` it hears what an ``OutgoingListener`` does, whichever
trunk it comes from. The next trunk is tried when one fails before anything rang:

- it answers 500, 502, 503 or 504: its own trouble, or that of what is behind it;
- it cannot be reached (503), or does not answer at all (408 by timer B, RFC 3261, 17.1.1.2). As long as
  there is another one, nobody waits for timer B: a trunk that says nothing, not even 100, for 6 s is
  given up.

Everything else is an answer of the called side, which no other trunk would change. A trunk that was not there
is tried last for half a minute, so that the next calls do not wait for it as well.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from onhook.calls import clock
from onhook.calls.call_media import CallMedia
from onhook.calls.callees import Callee, Route
from onhook.calls.dialogs import OpenDialog
from onhook.calls.first_leg import FirstLegListener
from onhook.calls.turns import Turn
from onhook.media.stream import Latching
from onhook.phone.cause import SipCause
from onhook.phone.lifecycle import CallState, OutgoingListener
from onhook.phone.outgoing import CANCELLED, OutgoingCall
from onhook.phone.reason import NORMAL, TIMER_EXPIRED, Reason
from onhook.phone.reply import HeaderLines
from onhook.phone.sdp import RemoteMedia
from onhook.phone.timers import Clock, TimerHandle
from onhook.phone.trunk import ShownCaller, Trunk, is_numeric
from onhook.store import CallRecord

log = structlog.get_logger()

_NOT_THERE = frozenset({408, 503})
_TRY_ANOTHER = _NOT_THERE | {500, 502, 504}
PATIENCE_S = 6.0
"""A trunk that says nothing for this long is given up, if there is another one."""
LET_GO_S = 4.0
"""A call that was hung up before its answer is over for its owner after this, though its trunk, which may be
gone, has not said so. What still comes of it the phone answers: with CANCEL, or ACK and BYE."""
REST_S = 30.0
"""A trunk that was not there is tried last for this long."""
_FAR_AWAY = "192.0.2.1"
"""An address that only the default route leads to (RFC 5737): stands in for a trunk's name, which is
looked up later."""


class Dialler(Protocol):
    """Places calls (phone.SipEndpoint)."""

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
    ) -> OutgoingCall:
        """Makes a call, whose listener hears nothing before this has returned, and whose INVITE has
        these headers too."""

    def launch(self, call: OutgoingCall, on_sent: Callable[[], None] | None = None) -> None:
        """Sends the INVITE of a call that was not dialled at once; ``on_sent`` is called when it has
        left, or never will."""

    def local_address_towards(self, peer: str) -> str:
        """The address of ours that a numeric peer is told. Raises OSError without a route."""


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

    def note(self, route: Route, outcome: str, *, absent: bool = False) -> None:
        """What a call through this trunk came to; ``absent`` if the trunk was not there."""
        self.counters[route.name, outcome] += 1
        if self._health is not None and (absent or outcome in ("taken", "refused")):
            self._health.noted(route.name, absent=absent)
        if absent:
            self._resting[route.name] = clock.now_s() + REST_S
        elif outcome == "taken":
            self._resting.pop(route.name, None)

    def audio_ip(self, trunk: Trunk) -> str:
        """The address of ours that the trunk is to send audio to. Raises OSError without a route."""
        host = trunk.next_hop.host
        peer = host if is_numeric(host) else _FAR_AWAY
        return self.dialler.local_address_towards(peer)


class OutboundLeg:
    """One call, through whichever trunk takes it (FirstLeg, for a call that begins with it).

    As a first leg its INVITE waits for its ``turn``, if it has one.
    """

    _listener: OutgoingListener

    def __init__(self, outbound: Outbound, callee: Callee, turn: Turn | None = None) -> None:
        self._outbound = outbound
        self._number = callee.number
        self._headers = callee.headers
        self._left = list(outbound.in_order(callee.routes))
        self._turn = turn
        self._port = 0
        self._on_next: Callable[[], None] | None = None
        self._on_heard: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._attempt: _Attempt | None = None
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

    def alert(self, record: CallRecord) -> None:
        """The INVITE leaves, or will when it is its turn."""
        if self._turn is None:
            self.launch()
        else:
            self._turn.take(self.launch)
        private = {"dest": record.dest_number}
        log.info("call_placed", session=record.session, txn_ref=record.txn_ref, private=private)

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
        if self._attempt is not None:
            self._outbound.dialler.launch(self._attempt.call, on_sent)
            self._await_answer()
        elif on_sent is not None:
            on_sent()

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

    def _unanswered(self, attempt: "_Attempt", cause: SipCause) -> None:
        """The attempt failed, or said nothing for too long, and nothing of it follows."""
        trouble = cause.status in _TRY_ANOTHER
        if not attempt.rang:
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
        """Dials through the next trunk that there is a route to; False if there is none."""
        failed = self.trunk
        while self._left:
            route = self._left.pop(0)
            try:
                ip = self._outbound.audio_ip(route.trunk)
            except OSError:
                log.warning("trunk_without_route", trunk=route.name)
                continue
            if after is not None:
                log.warning("trunk_failed", trunk=failed, sip_code=after.status, next=route.name)
            self._attempt = self._dialled(route, ip)
            if self._on_next is None:
                self._await_answer()
            return True
        return False

    def _dialled(self, route: Route, ip: str) -> "_Attempt":
        attempt = _Attempt(route, self._outbound, self._listener, self._unanswered)
        attempt.call = self._outbound.dialler.dial(
            route.trunk,
            self._number,
            route.caller,
            ip=ip,
            port=self._port,
            listener=attempt,
            at_once=self._on_next is None,
            headers=self._headers,
        )
        attempt.call.on_heard = self._on_heard
        return attempt

    def _await_answer(self) -> None:
        """The INVITE leaves. The last trunk is waited for as long as it takes."""
        if self._attempt is not None and self._left:
            self._attempt.be_impatient()

    def _fail(self, cause: SipCause) -> None:
        self._failed = cause
        self._loop.call_soon(self._listener.failed, cause)


class _Attempt:
    """One trunk's try (phone.OutgoingListener): hands on what the leg's owner is to hear."""

    call: OutgoingCall

    def __init__(
        self,
        route: Route,
        outbound: Outbound,
        owner: OutgoingListener,
        on_unanswered: Callable[["_Attempt", SipCause], None],
    ) -> None:
        self.route = route
        self.rang = False
        self._outbound = outbound
        self._owner = owner
        self._on_unanswered = on_unanswered
        self._timer: TimerHandle | None = None
        self._over = False

    def be_impatient(self) -> None:
        """It is given up if it says nothing for a while."""
        if not self._over and self._timer is None:
            self._timer = self._outbound.timers.call_later(PATIENCE_S, self._impatient)

    def hangup(self, reason: Reason) -> None:
        """Taken back, or hung up."""
        waiting = self.call.state in (CallState.DIALLING, CallState.PROCEEDING)
        self.call.hangup(reason)
        if waiting and not self._over:
            self._stop_timer()
            self._timer = self._outbound.timers.call_later(LET_GO_S, self._let_go)

    def _let_go(self) -> None:
        if not self._over:
            self._end()
            self._on_unanswered(self, CANCELLED)

    def _impatient(self) -> None:
        """If there was no answer at all, it is taken back; should it come late, the phone ends it."""
        if not self._over and self.call.state is CallState.DIALLING:
            self._end()
            self.call.hangup(TIMER_EXPIRED)
            self._on_unanswered(self, SipCause(408, None, "the trunk says nothing"))

    def _took_it(self) -> None:
        if not self.rang:
            self.rang = True
            self._outbound.note(self.route, "taken")
            self._stop_timer()

    def _end(self) -> None:
        self._over = True
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # What the phone says (OutgoingListener) -------------------------------------------------------

    def progressed(self, code: int, media: RemoteMedia | None) -> None:
        """It rings: this trunk has the call."""
        if self._over:
            return
        self._took_it()
        self._owner.progressed(code, media)

    def answered(self, media: RemoteMedia) -> None:
        """Somebody answered."""
        if self._over:
            return
        self._took_it()
        self._owner.answered(media)

    def failed(self, cause: SipCause) -> None:
        """There is no call through this trunk."""
        if self._over:
            return
        self._end()
        self._on_unanswered(self, cause)

    def hung_up(self, cause: SipCause) -> None:
        """The callee's BYE."""
        self._owner.hung_up(cause)

    def hangup_done(self, cause: SipCause) -> None:
        """Our BYE is through."""
        self._owner.hangup_done(cause)

    def media_moved(self, media: RemoteMedia) -> None:
        """The callee wants its audio elsewhere."""
        self._owner.media_moved(media)

    def session_lost(self, cause: SipCause) -> None:
        """The callee is gone."""
        self._owner.session_lost(cause)

    def dialog_changed(self) -> None:
        """A refresh took a number."""
        self._owner.dialog_changed()

    def digit(self, digit: str) -> None:
        """The callee pressed a key (SIP INFO)."""
        self._owner.digit(digit)
