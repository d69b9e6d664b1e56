"""What is believed for a while of what the store said."""

import pytest

from onhook.calls import clock, directory


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
