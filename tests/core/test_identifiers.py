"""Identifiers: nobody has one that somebody else has, and every value is as likely as any other."""

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from onhook import identifiers

_DRAWN_BYTES = 4096


@pytest.fixture
def counted_drawings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many bytes were asked of the system, a drawing an entry."""
    drawings: list[int] = []
    urandom = os.urandom

    def count(size: int) -> bytes:
        drawings.append(size)
        return urandom(size)

    monkeypatch.setattr(os, "urandom", count)
    yield drawings


@pytest.mark.parametrize(
    "count", [0, 1, 16, _DRAWN_BYTES - 1, _DRAWN_BYTES, _DRAWN_BYTES + 1, 3 * _DRAWN_BYTES]
)
def test_tokens_have_the_length_that_was_asked_for(count: int) -> None:
    assert len(identifiers.token_bytes(count)) == count
    assert len(bytes.fromhex(identifiers.token_hex(count))) == count


def test_thousands_of_identifiers_are_drawn_by_few_system_calls_and_are_all_different(
    counted_drawings: list[int],
) -> None:
    found = [identifiers.token_hex(8) for _ in range(10_000)]
    assert len(set(found)) == len(found)
    assert len(counted_drawings) <= 10_000 * 8 // _DRAWN_BYTES + 1


def test_no_byte_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a source whose bytes are numbered, each number is seen once at most."""
    numbers = iter(range(2**32))
    monkeypatch.setattr(
        os,
        "urandom",
        lambda size: b"".join(next(numbers).to_bytes(4, "big") for _ in range(size // 4)),
    )
    identifiers._forget()
    found = [identifiers.token_bytes(4) for _ in range(3000)]
    identifiers._forget()
    assert found == [number.to_bytes(4, "big") for number in range(3000)]


def test_threads_are_never_given_the_same_identifier() -> None:
    found: list[list[str]] = [[] for _ in range(4)]
    begin = threading.Barrier(len(found))

    def draw(into: list[str]) -> None:
        begin.wait()
        for _ in range(20_000):
            into.append(identifiers.token_hex(8))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=draw, args=(into,)) for into in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    everyone = [token for into in found for token in into]
    assert len(set(everyone)) == len(everyone) == 80_000


def test_a_forked_process_draws_others_than_its_parent() -> None:
    identifiers.token_bytes(16)  # so that there is something drawn ahead, which a fork copies
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"".join(identifiers.token_bytes(16) for _ in range(100)))
        os._exit(0)
    os.close(writer)
    ours = {identifiers.token_bytes(16) for _ in range(100)}
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    theirs = {told[at : at + 16] for at in range(0, len(told), 16)}
    assert len(theirs) == 100
    assert not ours & theirs


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 255, 256, 257, 9 * 10**17])
def test_integers_stay_below_their_limit_and_reach_both_ends_of_small_ones(limit: int) -> None:
    found = {identifiers.randbelow(limit) for _ in range(max(2000, 20 * min(limit, 300)))}
    assert min(found) >= 0
    assert max(found) < limit
    if limit <= 300:
        assert found == set(range(limit))


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_which_nothing_is_is_an_error(limit: int) -> None:
    with pytest.raises(ValueError, match="no integer"):
        identifiers.randbelow(limit)


@pytest.mark.parametrize("count", [1, 7, 8, 15, 31, 32])
def test_bits_are_as_many_as_were_asked_for(count: int) -> None:
    found = [identifiers.randbits(count) for _ in range(2000)]
    assert max(found) < 2**count
    assert max(found) >= 2 ** (count - 1), "the highest bit is never set"


def test_every_character_of_an_alphabet_is_as_likely_as_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each byte once: then each character has to come equally often, and what does not divide is left out."""
    every_byte = bytes(range(256)) * 16
    monkeypatch.setattr(os, "urandom", lambda _size: every_byte)
    identifiers._forget()
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    text = identifiers.token_text(alphabet, 248 * 15)
    identifiers._forget()
    assert Counter(text) == dict.fromkeys(alphabet, 4 * 15)


@pytest.mark.parametrize(
    "alphabet", ["ab", "0123456789", "abcdefghijklmnop", "".join(map(chr, range(256)))]
)
@pytest.mark.parametrize("count", [0, 1, 20, 5000])
def test_texts_are_of_their_alphabet_and_their_length(alphabet: str, count: int) -> None:
    text = identifiers.token_text(alphabet, count)
    assert len(text) == count
    assert set(text) <= set(alphabet)
