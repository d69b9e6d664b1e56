"""New calls wait for their turn, and nothing else does."""

from collections.abc import Callable

import pytest

from onhook.phone.inbox import FORGOTTEN_S, MAX_WAITING, TURN_S, Inbox
from onhook.phone.message import Address

SOURCE = ("192.0.2.1", 5060)


class FakeLoop:
    """A clock that goes on by what serving costs, and callbacks that run when told."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.soon: list[Callable[[], object]] = []

    def time(self) -> float:
        return self.now_s

    def call_soon(self, callback: Callable[[], object], /) -> object:
        self.soon.append(callback)
        return None

    def come_round(self) -> None:
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()


class Desk:
    """An inbox, and what was served of it."""

    def __init__(self, invite_s: float = TURN_S / 3.5) -> None:
        self.loop = FakeLoop()
        self.served: list[str] = []
        self._invite_s = invite_s
        self.inbox = Inbox(self._serve)
        self.inbox.open(self.loop)

    def _serve(self, data: bytes, source: Address) -> None:
        assert source == SOURCE
        self.served.append(data.decode())
        if data.startswith(b"INVITE "):
            self.loop.now_s += self._invite_s

    def put(self, *texts: str) -> None:
        """What was read at once."""
        for text in texts:
            self.inbox.put(text.encode(), SOURCE)
        self.inbox.serve()


def test_all_is_served_in_order_while_nothing_waits() -> None:
    desk = Desk()
    desk.put("INVITE 1", "ACK 1", "INVITE 2", "CANCEL 2", "SIP/2.0 200")
    assert desk.served == ["INVITE 1", "ACK 1", "INVITE 2", "CANCEL 2", "SIP/2.0 200"]
    assert desk.loop.soon == []


def test_a_turn_ends_and_the_rest_waits_behind_everything_else() -> None:
    desk = Desk()
    desk.put(*(f"INVITE {number}" for number in range(10)))
    assert len(desk.served) == 4
    desk.put("INVITE 10", "OPTIONS", "BYE")
    assert desk.served[4:] == ["OPTIONS", "BYE"]
    desk.loop.come_round()
    assert desk.served[6:] == [f"INVITE {number}" for number in range(4, 8)]
    desk.loop.come_round()
    assert desk.served[10:] == ["INVITE 8", "INVITE 9", "INVITE 10"]
    assert desk.loop.soon == []


def test_what_waited_for_too_long_is_forgotten() -> None:
    desk = Desk(invite_s=FORGOTTEN_S)
    desk.put("INVITE 1", "INVITE 2")
    desk.loop.come_round()
    assert desk.served == ["INVITE 1"]
    assert desk.inbox.unread == 1
    desk.put("INVITE 3")
    assert desk.served == ["INVITE 1", "INVITE 3"]


def test_there_is_room_for_so_many() -> None:
    desk = Desk(invite_s=TURN_S)
    desk.put(*["INVITE x"] * (MAX_WAITING + 10))
    assert desk.inbox.unread == 10


@pytest.mark.parametrize("text", ["INVITE 1", "OPTIONS"])
def test_nothing_is_served_after_the_end(text: str) -> None:
    desk = Desk()
    desk.put(*["INVITE x"] * 10)
    desk.inbox.close()
    served = len(desk.served)
    desk.loop.come_round()
    desk.put(text)
    assert len(desk.served) == served
