"""A caller from whom nothing is heard is asked whether it is there."""

import asyncio
from collections.abc import Callable

import pytest

from onhook.calls.silence import SilenceWatch
from onhook.phone import SipCause


class Peer:
    """Keeps the questions that it is asked."""

    def __init__(self, reachable: bool = True) -> None:
        self.reachable = reachable
        self.asked: list[Callable[[SipCause], None]] = []
        self.gone = 0
        self.again = asyncio.Event()

    def probe(self, on_result: Callable[[SipCause], None]) -> bool:
        self.again.set()
        if self.reachable:
            self.asked.append(on_result)
        return self.reachable

    def on_gone(self) -> None:
        self.gone += 1


@pytest.mark.parametrize("status", [408, 481])
async def test_who_does_not_know_the_call_is_gone(status: int) -> None:
    peer = Peer()
    watch = SilenceWatch(peer.probe, peer.on_gone, 60)
    assert watch.silent()
    assert not watch.silent()  # one question at a time
    peer.asked[0](SipCause(status=status))
    assert peer.gone == 1
    assert not watch.silent()


@pytest.mark.parametrize("status", [200, 405, 500])
async def test_who_answers_is_asked_again_later(status: int) -> None:
    peer = Peer()
    watch = SilenceWatch(peer.probe, peer.on_gone, 0.01)
    watch.silent()
    peer.again.clear()
    peer.asked[0](SipCause(status=status))
    await asyncio.wait_for(peer.again.wait(), 30)
    assert (len(peer.asked), peer.gone) == (2, 0)
    watch.stop()


async def test_who_cannot_be_asked_yet_is_asked_later() -> None:
    peer = Peer(reachable=False)
    watch = SilenceWatch(peer.probe, peer.on_gone, 0.01)
    assert not watch.silent()
    peer.again.clear()
    peer.reachable = True
    await asyncio.wait_for(peer.again.wait(), 30)
    assert len(peer.asked) == 1
    watch.stop()


async def test_a_late_answer_means_nothing() -> None:
    peer = Peer()
    watch = SilenceWatch(peer.probe, peer.on_gone, 60)
    watch.silent()
    watch.stop()
    peer.asked[0](SipCause(status=481))
    assert peer.gone == 0
