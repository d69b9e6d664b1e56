"""Of several workers on one database one looks after a trunk."""

import asyncio
from dataclasses import replace

from onhook.store import Store
from onhook.store.trunk_states import (
    TrunkState,
    claim_trunk,
    let_trunks_go,
    save_trunk_states,
    trunk_states,
)

KNOWN = TrunkState("carrier", "a", True, 60_000, 30_000, 1500, 0, 0, "", ("<sip:edge;lr>",))


async def test_one_of_those_who_want_a_trunk_at_once_gets_it(store: Store) -> None:
    for seen in (None, ""):
        wants = [claim_trunk(store, "carrier", name, seen) for name in "abc"]
        assert sorted(await asyncio.gather(*wants)) == [False, False, True]
        (state,) = await trunk_states(store)
        await save_trunk_states(store, [replace(state, worker=state.worker)])
        await let_trunks_go(store, state.worker, ["carrier"])
        assert await trunk_states(store) == []
        if seen is None:
            assert await claim_trunk(store, "carrier", "", None)


async def test_what_is_written_is_read(store: Store) -> None:
    assert await claim_trunk(store, "carrier", "a", None)
    assert await trunk_states(store) == [TrunkState("carrier", "a")]
    assert await save_trunk_states(store, [KNOWN]) == {"carrier"}
    assert await trunk_states(store) == [KNOWN]


async def test_a_worker_that_lost_a_trunk_writes_nothing_of_it(store: Store) -> None:
    await claim_trunk(store, "carrier", "a", None)
    await save_trunk_states(store, [KNOWN])
    assert not await claim_trunk(store, "carrier", "b", "c")
    assert await claim_trunk(store, "carrier", "b", "a")
    assert await save_trunk_states(store, [KNOWN]) == frozenset()
    await let_trunks_go(store, "a", ["carrier"])
    assert await trunk_states(store) == [TrunkState("carrier", "b")]
