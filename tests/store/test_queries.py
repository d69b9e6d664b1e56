"""Calls wait for some queries, also when a turn of the event loop takes long."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from onhook.store import Store
from store.samples import ACCOUNT, APPLICATION, NUMBER


async def test_a_query_takes_one_turn_of_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(tmp_path)
    try:
        await store.add_account(ACCOUNT)
        await store.add_application(APPLICATION)
        await store.add_number(NUMBER)
        loop, asked = asyncio.get_running_loop(), 0
        ask = loop.call_soon_threadsafe

        def count(callback: Callable[..., object], *given: object) -> asyncio.Handle:
            nonlocal asked
            asked += 1
            return ask(callback, *given)

        monkeypatch.setattr(loop, "call_soon_threadsafe", count)
        assert await store.number(NUMBER.number) == NUMBER
        assert await store.money.account_of(APPLICATION.app_id) is not None
        assert asked == 2
        monkeypatch.undo()
    finally:
        await store.close()
