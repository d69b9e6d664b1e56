"""Whose event is at hand is known to another process, whatever becomes of this one."""

import mmap
import os

import pytest

from onhook import at_hand


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> mmap.mmap:
    monkeypatch.setattr(at_hand, "_place", at_hand._place)
    monkeypatch.setattr(at_hand, "_suspects", at_hand._suspects)
    descriptor = os.memfd_create("test")
    os.ftruncate(descriptor, at_hand.BYTES)
    place = mmap.mmap(descriptor, at_hand.BYTES)
    told = {at_hand.number("bad"): 7}
    at_hand.share(descriptor, told)
    return place


def noted(place: mmap.mmap) -> int:
    return int.from_bytes(place[: at_hand.BYTES], "little")


def test_it_is_noted_as_long_as_it_is_at_hand(place: mmap.mmap) -> None:
    outer = at_hand.begins(at_hand.number("one") + 3)
    with at_hand.during("other", 4):
        assert noted(place) == at_hand.number("other") + 4
    assert noted(place) == at_hand.number("one") + 3
    at_hand.ends(outer)
    assert noted(place) == at_hand.NOBODY


def test_who_is_suspected_is_told_by_session(place: mmap.mmap) -> None:
    assert "bad" in at_hand.suspects()
    assert at_hand.suspects().kind("bad") == 7
    assert "good" not in at_hand.suspects()
    assert None not in at_hand.suspects()


def test_it_ends_with_what_goes_wrong(place: mmap.mmap) -> None:
    with pytest.raises(LookupError), at_hand.during("one", 1):
        raise LookupError
    assert noted(place) == at_hand.NOBODY
