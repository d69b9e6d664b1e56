import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onhook.notify.slots import Slots


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Crowd:
    """Callers that hold a place until told to leave."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.inside: list[tuple[str, asyncio.Event]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def _visit(self, host: str) -> None:
        leave = asyncio.Event()
        async with self.slots.hold(host):
            entry = (host, leave)
            self.inside.append(entry)
            try:
                await leave.wait()
            finally:
                self.inside.remove(entry)

    async def come(self, *hosts: str) -> None:
        self.tasks += [asyncio.create_task(self._visit(host)) for host in hosts]
        await settle()

    async def one_leaves(self, host: str) -> None:
        next(leave for name, leave in self.inside if name == host).set()
        await settle()

    def count(self) -> Counter[str]:
        return Counter(host for host, _ in self.inside)

    async def disperse(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_limits_in_all_and_for_each_host() -> None:
    crowd = Crowd(Slots(total=5, per_host=3))
    await crowd.come(*["dead"] * 10, *["alive"] * 10)
    assert crowd.count() == {"dead": 3, "alive": 2}
    await crowd.disperse()


async def test_room_goes_round_among_hosts_not_to_the_longest_queue() -> None:
    crowd = Crowd(Slots(total=4, per_host=4))
    await crowd.come(*["dead"] * 100, "a", "b")
    assert crowd.count() == {"dead": 4}
    await crowd.one_leaves("dead")
    await crowd.one_leaves("dead")
    await crowd.one_leaves("dead")
    assert crowd.count() == {"dead": 2, "a": 1, "b": 1}
    await crowd.disperse()


async def test_a_host_that_had_its_turn_goes_to_the_end() -> None:
    crowd = Crowd(Slots(total=2, per_host=4))
    await crowd.come(*["dead"] * 100, "a")
    await crowd.one_leaves("dead")
    assert crowd.count() == {"dead": 2}
    await crowd.one_leaves("dead")
    assert crowd.count() == {"dead": 1, "a": 1}
    await crowd.disperse()


async def test_a_newcomer_does_not_overtake_who_waits() -> None:
    crowd = Crowd(Slots(total=1, per_host=1))
    await crowd.come("a", "b", "c")
    await crowd.one_leaves("a")
    assert crowd.count() == {"b": 1}
    await crowd.disperse()


async def test_who_stops_waiting_leaves_nothing_behind() -> None:
    slots = Slots(total=1, per_host=1)
    crowd = Crowd(slots)
    await crowd.come("a", "b", "c")
    await crowd.disperse()
    assert not slots._hosts
    await crowd.come("d")
    assert crowd.count() == {"d": 1}
    await crowd.disperse()


def test_there_has_to_be_room() -> None:
    with pytest.raises(ValueError):
        Slots(0, 1)
    with pytest.raises(ValueError):
        Slots(1, 0)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_no_place_is_lost_or_given_twice(data: st.DataObject) -> None:
    async def scenario() -> None:
        total, per_host = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
        slots = Slots(total, per_host)
        crowd = Crowd(slots)
        for _ in range(data.draw(st.integers(1, 25))):
            action = data.draw(st.sampled_from(["come", "leave", "cancel", "leave and cancel"]))
            if action == "come":
                host = data.draw(st.sampled_from("abc"))
                crowd.tasks.append(asyncio.create_task(crowd._visit(host)))
            if "leave" in action and crowd.inside:
                data.draw(st.sampled_from(crowd.inside))[1].set()
            if "cancel" in action and crowd.tasks:
                data.draw(st.sampled_from(crowd.tasks)).cancel()
            if data.draw(st.booleans()):
                await settle()
                waiting = sum(not task.done() for task in crowd.tasks) - len(crowd.inside)
                counts = crowd.count()
                assert len(crowd.inside) <= total
                assert all(count <= per_host for count in counts.values())
                if waiting:  # then there is no room, or only for hosts at their limit
                    assert len(crowd.inside) == total or per_host in counts.values()
        await crowd.disperse()
        assert not slots._hosts
        assert slots._free == total

    asyncio.run(scenario())
