"""Which trunks are this worker's to look after, where several share a database.

A trunk belongs to the worker whose name stands beside it in the store, as long as that worker lives: as
long as its lease is renewed. Nobody compares clocks: whoever wants a trunk watches, on its own monotonic
clock, whether the holder's lease still counts on (store/lease.py). A worker that cannot read the store for
as long as its lease lasts lets its trunks go without a word, because another may have them by then: so no
two fight for one.
"""

from collections.abc import Iterable, Sequence

from onhook.calls import clock
from onhook.store import LeaseRecord, Store
from onhook.store.marks import Mark, mark
from onhook.store.trunk_states import TrunkState, claim_trunk, living_leases, trunk_states


class TrunkClaims:
    """The claims of one worker."""

    def __init__(self, store: Store, worker: str) -> None:
        self._store = store
        self._worker = worker
        self._counted: dict[str, tuple[LeaseRecord, float]] = {}
        """By worker: its lease as it was seen last, and when it was first seen so."""
        self.states: dict[str, TrunkState] = {}
        """What the store says of every trunk, when it was read last."""
        self._read_at: Mark | None = None

    async def take(self, wanted: Iterable[str]) -> frozenset[str]:
        """Those of some trunks that are this worker's now. Raises StoreError and SQLAlchemyError."""
        now = mark(self._store.database)
        if now is None or now != self._read_at:
            self.states = {state.trunk: state for state in await trunk_states(self._store)}
            self._read_at = now
        if self._store.database.shared:
            self._count(await living_leases(self._store))
        mine: set[str] = set()
        for name in wanted:
            state = self.states.get(name)
            ours = state is not None and state.worker == self._worker
            if ours or await self._take_from_nobody(name, state):
                mine.add(name)
        return frozenset(mine)

    async def _take_from_nobody(self, name: str, state: TrunkState | None) -> bool:
        if state is not None and self._lives(state.worker):
            return False
        seen = state.worker if state is not None else None
        return await claim_trunk(self._store, name, self._worker, seen)

    def _count(self, leases: Sequence[LeaseRecord]) -> None:
        now_s = clock.now_s()
        before = self._counted
        self._counted = {}
        for lease in leases:
            seen = before.get(lease.owner)
            changed = seen is None or seen[0] != lease
            self._counted[lease.owner] = (lease, now_s) if changed or seen is None else seen

    def _lives(self, worker: str) -> bool:
        """Whether a worker has a lease that was renewed lately; without a shared database there is no
        other."""
        found = self._counted.get(worker)
        if found is None:
            return False
        lease, since_s = found
        return clock.now_s() - since_s < lease.lease_ms / 1000
