"""What is believed for a while of what the store said."""

import pytest

from onhook.calls import clock, directory
from onhook.store.marks import Mark


async def test_one_value_too_many_makes_only_the_oldest_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(directory, "_REMEMBERED", 100)
    monkeypatch.setattr(clock, "now_s", lambda: 5.0)
    asked: list[str] = []

    async def look_up(key: str) -> str:
        asked.append(key)
        return f"of {key}"

    believed = directory._Believed(look_up)
    keys = [str(number) for number in range(101)]
    for key in keys:
        assert await believed.get(key) == f"of {key}"
    for key in keys[1:]:
        await believed.get(key)
    assert asked == keys
    await believed.get(keys[0])
    assert asked == [*keys, keys[0]]


async def test_what_nobody_wrote_over_is_believed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s: list[float] = [5.0]
    written: list[Mark | None] = [((1, 1, 1),)]
    asked: list[str] = []
    monkeypatch.setattr(clock, "now_s", lambda: now_s[0])

    async def look_up(key: str) -> int:
        asked.append(key)
        return len(asked)

    believed = directory._Believed(look_up, lambda: written[0])
    assert await believed.get("x") == 1
    for _ in range(5):
        now_s[0] += 0.8
        assert await believed.get("x") == 1
    written[0] = ((1, 2, 1),)
    now_s[0] += 1.0
    assert await believed.get("x") == 2
    written[0] = None  # somebody writes at this very moment
    now_s[0] += 1.0
    assert await believed.get("x") == 3
    now_s[0] += 1.0
    assert await believed.get("x") == 4, "of its moment nothing is known"
