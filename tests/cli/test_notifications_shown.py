"""Notifications as the commands about them write them."""

import asyncio
import json
from pathlib import Path

import pytest

from cli.conftest import Run
from cli.terminal import on_terminal
from onhook import urls
from onhook.store import Store, Writes
from store.samples import ACCOUNT, APPLICATION, call, notification

URLS = ("http://127.0.0.1:8080/told?a=1", "HTTPS://Example.com/é#here", "http://user@example.com/")


async def told(data: Path, url: str) -> None:
    store = await Store.open(data, "")
    try:
        await store.add_account(ACCOUNT)
        await store.add_application(APPLICATION)
        written = notification("S1", 1, url=urls.stored(url))
        await store.submit(Writes(calls=(call("S1"),), notifications=(written,)))
    finally:
        await store.close()


@pytest.mark.parametrize("url", URLS)
def test_its_url_is_written_as_it_was_given(run: Run, tmp_path: Path, url: str) -> None:
    asyncio.run(told(tmp_path / "data", url))
    [listed] = json.loads(run("notifications", "list", "--json"))
    shown = json.loads(run("notifications", "show", "msg_S1_1", "--json"))
    [of_call] = json.loads(run("calls", "show", listed["session"], "--json"))["notifications"]
    for one in (listed, shown, of_call):
        assert (one["url"], one["fields"], one["format"]) == (url, {"tag": "東京"}, "form")


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_each_is_a_line(run: Run, tmp_path: Path, columns: int) -> None:
    asyncio.run(told(tmp_path / "data", URLS[0]))
    printed = on_terminal(columns, tmp_path / "data", "notifications", "list").splitlines()
    assert len(printed) == 2
    assert max(map(len, printed)) <= columns
    assert "msg_S1_1" in printed[1]
    assert (URLS[0] in printed[1]) == (columns > 190)
