"""What is believed for a while of what the store said."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from onhook.blocks import Refused
from onhook.calls import clock, directory
from onhook.store import Keyring, Store
from onhook.store.applications import mark_removed
from onhook.store.keyring import token_hash
from onhook.store.marks import Mark
from store.samples import ACCOUNT, APPLICATION


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


async def test_an_application_that_was_told_is_known_when_it_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look at the database for how it is told, what signs that, and who asks then; and none is believed
    for longer than a second, nor when it was removed before."""
    now_s: list[float] = [5.0]
    monkeypatch.setattr(clock, "now_s", lambda: now_s[0])
    monkeypatch.setattr(directory, "mark", lambda _: None)
    store = await Store.open(tmp_path)
    keyring = Keyring(Fernet.generate_key())
    asked: list[str] = []
    try:
        await store.add_account(ACCOUNT)
        made = replace(
            APPLICATION,
            token_hash=token_hash("secret"),
            token_encrypted=keyring.encrypt("secret"),
            webhook_secret_encrypted=keyring.encrypt("whsec_1"),
        )
        await store.add_application(made)
        for name in ("application", "application_by_token"):
            monkeypatch.setattr(store, name, _noted(asked, name, getattr(store, name)))
        known = directory.Directory(store, keyring)
        given = {"app_id": made.app_id, "access_token": "secret"}
        assert await known.telling(made.app_id) == directory.AS_EVER
        assert (await known.secrets(made.app_id)).webhook_secret == "whsec_1"
        assert await known.authenticate(given) == made
        assert asked == ["application"]
        await mark_removed(store, made.app_id, 7)
        now_s[0] += 1.0
        assert (await known.secrets(made.app_id)).access_token == "secret", "what is left is signed"
        with pytest.raises(Refused):
            await known.authenticate(given)
    finally:
        await store.close()


def _noted(asked: list[str], name: str, look_up: Callable[..., Any]) -> Callable[..., Any]:
    async def note(key: str) -> object:
        asked.append(name)
        return await look_up(key)

    return note
