"""In which order calls are taken over: who sits in a room before who was to come into it."""

from types import SimpleNamespace
from typing import Any

from onhook.calls import clock
from onhook.calls.adoption.adoption import Adoption
from onhook.media.found import FoundStream
from onhook.store import CallRecord
from onhook.store.records import StoredGoingOn

PLANE = 4711


def record(session: str, port: int) -> CallRecord:
    return CallRecord(
        session=session,
        txn_ref="",
        app_id="app",
        owner="one",
        state="running",
        from_number="",
        to_number="",
        began_ms=0,
        currency="USD",
        rate="0",
        boot_id=clock.boot_id(),
        going_on=StoredGoingOn.of({"plane": PLANE, "legs": [{"port": port}]}),
    )


def stream(port: int, room: int | None) -> FoundStream:
    return FoundStream(port, handle=port, last_play=0, room=room)


class Order(Adoption):
    """Takes note of each call, and takes none over."""

    tried: list[str]

    async def _tried(self, record: CallRecord) -> bool:
        self.tried.append(record.session)
        return True


async def test_who_sits_in_a_room_comes_first() -> None:
    async def ways_out() -> list[object]:
        return []

    found = {10: stream(10, None), 20: stream(20, 7), 30: stream(30, 7)}
    plane = SimpleNamespace(running=True, last_pid=PLANE, found=lambda: found)
    services: Any = SimpleNamespace(plane=plane, directory=SimpleNamespace(ways_out=ways_out))
    nothing: Any = None
    order = Order(services, nothing, nothing, nothing)
    order.tried = []
    calls = [record("comes", 10), record("sits", 20), record("rings", 40), record("sits too", 30)]
    assert await order.run(calls) == []
    assert order.tried == ["sits", "sits too", "comes", "rings"]
