"""All trunks of this worker, as the operator adds, changes and removes them while it runs.

Every second the trunks are read, and those that are this worker's compared with what is being done. One
that was changed in what a registrar or an OPTIONS sees is given up and begun anew, once its registration
was taken back: the old one's last word must not take the new one's Contact away. What is known of them is
written to the store when it has changed, for `onhook trunk list` and for the other workers, which send
calls through them too.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from onhook.calls import clock
from onhook.calls.trunk_watch.claims import TrunkClaims
from onhook.calls.trunk_watch.health import TrunkHealth
from onhook.calls.trunk_watch.keeper import TrunkKeeper
from onhook.calls.trunks import WayOut
from onhook.phone.identity import called_user
from onhook.phone.message import Request
from onhook.phone.registration.registrar import RegistrationSignalling
from onhook.phone.timers import Clock
from onhook.phone.trunk import Trunk
from onhook.store import Store, StoreError
from onhook.store.trunk_states import TrunkState, let_trunks_go, save_trunk_states

log = structlog.get_logger()

EVERY_S = 1.0
LET_GO_S = 4.0
"""For so long the store has time at the end to note that nobody looks after our trunks."""
TAKEN_BACK_S = 4.0
"""A registrar that does not answer holds up neither a changed trunk nor the end of the process for longer."""
SHOWN_EVERY_S = 10.0
"""How often the store learns of what changes all the time: the last answer, the round trip."""

WaysOut = Callable[[], Coroutine[Any, Any, Sequence[WayOut]]]


class TrunkWatch:
    """Looks after the trunks that are this worker's; knows how all of them are.

    `contact_user` makes the user part of our Contact for a trunk, the same after a restart. `lease_s` is how
    long this worker's lease lasts.
    """

    def __init__(
        self,
        store: Store,
        worker: str,
        ways_out: WaysOut,
        signalling: RegistrationSignalling,
        *,
        contact_user: Callable[[str], str],
        lease_s: float,
        timers: Clock | None = None,
    ) -> None:
        self._store = store
        self._worker = worker
        self._ways_out = ways_out
        self._signalling = signalling
        self._contact_user = contact_user
        self._lease_s = lease_s
        self._timers: Clock = timers or asyncio.get_running_loop()
        self._claims = TrunkClaims(store, worker)
        self._keepers: dict[str, TrunkKeeper] = {}
        self._ending: dict[str, TrunkKeeper] = {}
        self._shown: dict[str, tuple[TrunkState, float]] = {}
        self._over = False
        self._looking = asyncio.Lock()
        self._all_gone = asyncio.Event()
        self._looked_s = clock.now_s()
        self._failing = False

    async def run(self) -> None:
        """Looks every second, until it is cancelled."""
        while not self._over:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Takes over what was changed, and writes down what is known; nothing any more after the end."""
        async with self._looking:
            if not self._over:
                await self._look()

    async def _look(self) -> None:
        try:
            ways = {way.name: way.trunk for way in await self._ways_out()}
            mine = await self._claims.take(ways)
            self._looked_s, self._failing = clock.now_s(), False
        except (StoreError, SQLAlchemyError) as error:
            self._unread(error)
            return
        if self._over:
            return
        self._compare({name: _named(name, ways[name]) for name in ways if name in mine})
        for keeper in self._keepers.values():
            keeper.look()
        await self._show()
        await self._forget(
            [
                state.trunk
                for state in self._claims.states.values()
                if state.worker == self._worker and state.trunk not in ways
            ]
        )

    async def end(self) -> None:
        """Takes every registration back; another worker may have the trunks then."""
        self._over = True
        kept = [*self._keepers]
        for name in kept:
            self._give_up(name)
        self._note_gone()
        try:
            async with asyncio.timeout(TAKEN_BACK_S):
                await self._all_gone.wait()
        except TimeoutError:
            log.warning("trunk_registration_left", trunks=sorted(self._ending))
        try:
            async with asyncio.timeout(LET_GO_S), self._looking:
                await self._forget(kept)
        except (
            TimeoutError
        ):  # a database that hangs; whoever wants the trunks waits for our lease then
            log.warning("trunks_not_let_go", trunks=sorted(kept))

    def moved(self) -> None:
        """We have another address outside."""
        for keeper in self._keepers.values():
            keeper.moved()

    def close(self) -> None:
        """Stops everything without a word to anybody."""
        self._over = True
        for keeper in (*self._keepers.values(), *self._ending.values()):
            keeper.abandon()
        self._keepers.clear()
        self._ending.clear()

    # What others ask.

    def figures(self) -> dict[str, dict[str, float]]:
        """What is known of the trunks that this worker looks after, as /metrics shows it."""
        now_s = clock.now_s()
        return {name: _figures(keeper.health, now_s) for name, keeper in self._keepers.items()}

    def is_bad(self, name: str) -> bool:
        """Whether a trunk that is asked regularly is not well, whichever worker asks it."""
        keeper = self._keepers.get(name)
        if keeper is not None:
            return keeper.health.is_asked and keeper.health.up(clock.now_s()) is False
        state = self._claims.states.get(name)
        return state is not None and state.worker != self._worker and state.up is False

    def service_route(self, name: str) -> tuple[str, ...]:
        """How requests of a trunk leave, as its registrar said to whichever worker is registered."""
        keeper = self._keepers.get(name)
        if keeper is not None:
            return keeper.service_route
        state = self._claims.states.get(name)
        return state.service_route if state is not None else ()

    def trunk_of(self, request: Request) -> str:
        """The name of the trunk whose registrar sent a request; empty for none.

        Its calls come by the trunk, whether it calls our Contact or writes the number in its place; where we
        registered there several times, the Contact says which one it is.
        """
        host = request.source[0]
        fitting = [keeper for keeper in self._keepers.values() if keeper.is_registered_at(host)]
        if len(fitting) > 1:
            user = _user(request)
            fitting.sort(key=lambda keeper: keeper.user != user)
        return fitting[0].name if fitting else ""

    def registered(self, user: str) -> tuple[str, ...] | None:
        """What may be the number of the trunk at which we registered this user part; None if we did not."""
        for keeper in self._keepers.values():
            if keeper.user == user and keeper.trunk.register:
                return (keeper.trunk.from_user, keeper.trunk.username)
        return None

    def noted(self, name: str, *, absent: bool) -> None:
        """What a call through a trunk came to: it was there, or not."""
        keeper = self._keepers.get(name)
        if keeper is not None:
            keeper.noted(absent=absent)

    # How it is done.

    def _compare(self, wanted: dict[str, Trunk]) -> None:
        for name, keeper in [*self._keepers.items()]:
            trunk = wanted.get(name)
            if trunk is None or _as_asked(trunk) != _as_asked(keeper.trunk):
                self._give_up(name)
        for name, trunk in wanted.items():
            if name not in self._keepers and name not in self._ending:
                self._begin(name, trunk)

    def _begin(self, name: str, trunk: Trunk) -> None:
        keeper = TrunkKeeper(
            trunk,
            self._contact_user(name),
            self._signalling,
            timers=self._timers,
            chance=random.random,
            on_gone=self._gone,
        )
        self._keepers[name] = keeper
        keeper.start()

    def _give_up(self, name: str) -> None:
        keeper = self._keepers.pop(name)
        self._shown.pop(name, None)
        self._ending[name] = keeper
        self._timers.call_later(TAKEN_BACK_S, self._gone, keeper)
        keeper.end()

    def _gone(self, keeper: TrunkKeeper) -> None:
        """Its registration is taken back, or its registrar does not answer."""
        if self._ending.get(keeper.name) is keeper:
            keeper.abandon()
            del self._ending[keeper.name]
            self._note_gone()

    def _note_gone(self) -> None:
        if self._over and not self._ending:
            self._all_gone.set()

    async def _forget(self, names: Sequence[str]) -> None:
        """Nothing is known of these trunks any more, and nobody looks after them."""
        if not names:
            return
        try:
            await let_trunks_go(self._store, self._worker, names)
        except SQLAlchemyError as error:
            self._unread(error)

    def _unread(self, error: Exception) -> None:
        """The store cannot be read. Where others share it, another worker may have our trunks before long."""
        if not self._failing:
            log.warning("trunks_not_read", error=type(error).__name__)
        self._failing = True
        if self._store.database.shared and clock.now_s() - self._looked_s > self._lease_s:
            for name in [*self._keepers]:
                self._keepers.pop(name).abandon()
            self._shown.clear()

    async def _show(self) -> None:
        """Writes what has changed. A trunk that another worker has by now is abandoned."""
        now_s = clock.now_s()
        news = [
            state
            for name, keeper in self._keepers.items()
            if self._is_news(state := self._state(name, keeper), now_s)
        ]
        if not news:
            return
        try:
            written = await save_trunk_states(self._store, news)
        except SQLAlchemyError as error:
            self._unread(error)
            return
        for state in news:
            if state.trunk in written:
                self._shown[state.trunk] = (state, now_s)
            elif state.trunk in self._keepers:
                self._keepers.pop(state.trunk).abandon()

    def _is_news(self, state: TrunkState, now_s: float) -> bool:
        shown, at_s = self._shown.get(state.trunk, (None, 0.0))
        if shown is None:
            return True
        lasting = replace(state, answered_ms=shown.answered_ms, round_trip_us=shown.round_trip_us)
        return lasting != shown or (state != shown and now_s - at_s >= SHOWN_EVERY_S)

    def _state(self, name: str, keeper: TrunkKeeper) -> TrunkState:
        health, now_s = keeper.health, clock.now_s()
        until_s, answered_s = health.registered_until_s, health.answered_s
        # Rounded, because the clocks drift: the same moment is to be the same number.
        return TrunkState(
            trunk=name,
            worker=self._worker,
            up=health.up(now_s),
            registered_until_ms=_rounded(until_s) if until_s > now_s else None,
            answered_ms=_rounded(answered_s) if answered_s else None,
            round_trip_us=round(health.round_trip_s * 1e6) if health.round_trip_s else None,
            failures=health.failures,
            sip_code=health.sip_code,
            hint=health.hint,
            service_route=keeper.service_route,
        )


def _user(request: Request) -> str:
    try:
        return called_user(request.uri).text
    except ValueError:
        return ""


def _figures(health: TrunkHealth, now_s: float) -> dict[str, float]:
    found: dict[str, float] = {"failures": health.failures}
    up = health.up(now_s)
    if up is not None:
        found["up"] = float(up)
    if health.registers:
        until_s = health.registered_until_s
        found["registered_until_seconds"] = (
            clock.wall_ms(until_s) / 1000 if until_s > now_s else 0.0
        )
    if health.answered_s:
        found["last_answer_seconds"] = clock.wall_ms(health.answered_s) / 1000
    if health.round_trip_s:
        found["round_trip_seconds"] = health.round_trip_s
    return found


def _rounded(at_s: float) -> int:
    return round(clock.wall_ms(at_s), -3)


def _named(name: str, trunk: Trunk) -> Trunk:
    return trunk if trunk.name else replace(trunk, name=name)


def _as_asked(trunk: Trunk) -> tuple[object, ...]:
    """What a registrar, or whoever answers OPTIONS, sees of a trunk."""
    return (
        trunk.host, trunk.port, trunk.transport, trunk.outbound_proxy, trunk.username, trunk.auth_user,
        trunk.password, trunk.register, trunk.from_user, trunk.from_domain, trunk.ping_s, trunk.keepalive_s,
        trunk.ca_file, trunk.client_cert, trunk.client_key,
    )  # fmt: skip
