"""Keys that a phone tells of in RTP, by SIP INFO, or both."""

import asyncio
from itertools import combinations

import pytest

from calls.swift import run_swiftly
from onhook.calls.keypad import TWICE_WITHIN_S, Keypad


class Desk:
    """What a phone's keys came to."""

    def __init__(self) -> None:
        self.keys = ""
        self.passed_on = ""
        self.keypad = Keypad(self._key, self._pass_on)

    def tell(self, told: str) -> None:
        """Keys as they are told of: ``r5`` in RTP, ``i5`` by INFO; a dot is a pause that is long enough."""
        for way, digit in zip(told[::2], told[1::2], strict=True):
            if way == "r":
                self.keypad.in_rtp(digit)
            else:
                self.keypad.by_info(digit, events=True)

    def _key(self, digit: str) -> None:
        self.keys += digit

    def _pass_on(self, digit: str) -> None:
        self.passed_on += digit


async def result_of(told: str) -> tuple[str, str]:
    desk = Desk()
    desk.tell(told)
    await asyncio.sleep(1)
    return desk.keys, desk.passed_on


@pytest.mark.parametrize(
    ("told", "keys", "passed_on"),
    [
        ("r1r2r2", "122", ""),
        ("i1i2i2", "122", "122"),
        ("r1i1r2i2", "12", ""),
        ("i1r1i2r2", "12", ""),
        ("r1r2r2i1i2i2", "122", ""),  # one way is late
        ("i1i2i2r1r2r2", "122", ""),
        ("r1i1r1i1", "11", ""),
        ("i5r5i5r5", "55", ""),
        ("r1i2", "12", "2"),
        ("i5r5i5", "55", "5"),  # one telling was lost
        ("r1i1r2i2i3r4i4", "1234", "3"),
    ],
)
def test_a_press_that_both_ways_tell_of_counts_once(told: str, keys: str, passed_on: str) -> None:
    assert run_swiftly(result_of(told)) == (keys, passed_on)


@pytest.mark.parametrize("lost", [one for n in range(4) for one in combinations(range(4), n)])
def test_a_press_counts_if_one_way_tells_of_it(lost: tuple[int, ...]) -> None:
    told = "".join(
        f"r{digit}i{digit}" if n not in lost else f"i{digit}" for n, digit in enumerate("1123")
    )
    keys, passed_on = run_swiftly(result_of(told))
    assert (keys, len(passed_on)) == ("1123", len(lost))


def test_the_same_key_by_the_other_way_is_another_press_after_a_while() -> None:
    async def life() -> str:
        desk = Desk()
        desk.tell("r5")
        await asyncio.sleep(TWICE_WITHIN_S + 0.1)
        desk.tell("i5")
        return desk.keys

    assert run_swiftly(life()) == "55"


def test_without_telephone_events_a_key_is_passed_on_at_once() -> None:
    async def life() -> str:
        desk = Desk()
        desk.keypad.by_info("7", events=False)
        return desk.passed_on

    assert run_swiftly(life()) == "7"


def test_what_one_way_told_is_forgotten_where_the_other_never_tells() -> None:
    """A call lasts for hours, and keys come as fast as packets."""

    async def life() -> int:
        desk = Desk()
        for _ in range(50):
            desk.tell("r1r2r3r4r5")
            await asyncio.sleep(1)
        return len(desk.keypad._in_rtp)

    assert run_swiftly(life()) <= 5 * (TWICE_WITHIN_S + 1)
