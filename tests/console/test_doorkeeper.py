"""How long whoever guesses has to wait, and that a restart forgets none of it."""

from pathlib import Path

import pytest

from onhook.administration import passwords
from onhook.console import signing_in
from onhook.console.signing_in import Doorkeeper, Refused
from onhook.store import Store
from onhook.store.operators import Operator, add_operator
from store.conftest import database_url as database_url


class Clock:
    """The time of the wall."""

    now_s = 1_800_000_000.0

    def time(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(signing_in, "time", made)
    # What it costs to guess is another test's affair.
    monkeypatch.setattr(passwords, "fits", lambda given, kept: kept is not None and given == kept)
    return made


async def _wait_s(door: Doorkeeper, name: str, address: str, password: str = "wrong") -> int:
    with pytest.raises(Refused) as refused:
        await door.check(name, password, address)
    return refused.value.wait_s


async def test_each_guess_beyond_the_fifth_is_waited_for_twice_as_long(
    tmp_path: Path, database_url: str, clock: Clock
) -> None:
    store = await Store.open(tmp_path, database_url)
    await add_operator(store, Operator("mei", "look", "right", 1))
    door = Doorkeeper(store)
    assert [await _wait_s(door, "mei", "192.0.2.7") for _ in range(5)] == [0] * 5
    waits = []
    for turn in range(9):
        # The right password from elsewhere does not count meanwhile, and is not counted.
        waits.append(await _wait_s(door, "mei", f"198.51.100.{turn}", "right"))
        if turn == 4:  # somebody starts the server again
            await store.close()
            store = await Store.open(tmp_path, database_url)
            door = Doorkeeper(store)
        clock.now_s += waits[-1]
        assert await _wait_s(door, "mei", f"203.0.113.{turn}") == 0
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    clock.now_s += 3600
    assert await door.check("mei", "right", "192.0.2.7") == "mei"
    assert await _wait_s(door, "mei", "192.0.2.7") == 0, "it begins anew"
    await store.close()


async def test_whoever_tries_many_names_waits_for_all_of_them(tmp_path: Path, clock: Clock) -> None:
    store = await Store.open(tmp_path)
    await add_operator(store, Operator("mei", "look", "right", 1))
    door = Doorkeeper(store)
    assert {await _wait_s(door, f"name{n}", "192.0.2.7") for n in range(20)} == {0}
    assert await _wait_s(door, "mei", "192.0.2.7", "right") == 30
    assert await door.check("mei", "right", "192.0.2.8") == "mei"
    clock.now_s += 24 * 3600 + 1
    assert await door.check("mei", "right", "192.0.2.7") == "mei"
    await store.close()


async def test_an_operator_who_comes_in_often_locks_nobody_out(
    tmp_path: Path, clock: Clock
) -> None:
    store = await Store.open(tmp_path)
    await add_operator(store, Operator("mei", "look", "right", 1))
    door = Doorkeeper(store)
    for _ in range(30):
        assert await door.check("mei", "right", "192.0.2.7") == "mei"
    await store.close()


def test_a_password_is_kept_so_that_guessing_is_dear() -> None:
    kept = passwords.stored("seven green bottles")
    assert kept != passwords.stored("seven green bottles")
    assert "seven" not in kept
    assert passwords.fits("seven green bottles", kept)
    assert not passwords.fits("seven green bottle", kept)
    assert not passwords.fits("", None)
    assert not passwords.fits("x" * 100_000, kept)
    _, n, r, p, *_ = kept.split("$")
    assert int(n) * int(r) * int(p) >= 2**14 * 8 * 5


@pytest.mark.parametrize("password", ["", "elevenchars", "a" * 40, "mei-operator-1", "x" * 2000])
def test_passwords_that_are_guessed_at_once_are_not_taken(password: str) -> None:
    with pytest.raises(passwords.UnfitPassword):
        passwords.check(password, "mei-operator-1")
