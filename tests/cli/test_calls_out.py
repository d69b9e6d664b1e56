"""What the commands about calls show of one that was made."""

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest

from cli.conftest import Run
from onhook.store import CallRecord, NotificationContext, Store, Writes
from store.samples import ACCOUNT, APPLICATION, call

MADE = call(
    direction="out",
    dest_number="+6561234567",
    facts=NotificationContext(fields=(("dial_status", "busy"),)),
    sip_code=486,
    state="ended",
    ended_ms=2000,
)


async def keep(directory: Path, record: CallRecord) -> None:
    store = await Store.open(directory)
    await store.add_account(ACCOUNT)
    await store.add_application(APPLICATION)
    await store.submit(Writes(calls=(record,)))
    await store.close()


@pytest.fixture(autouse=True)
def kept(run: Run, tmp_path: Path) -> None:
    run("account", "list")  # makes the directory
    asyncio.run(keep(tmp_path / "data", MADE))


@pytest.mark.parametrize("command", [("list",), ("show", MADE.session)])
def test_where_it_went_and_why_it_failed_is_shown(run: Run, command: tuple[str, ...]) -> None:
    said = run("calls", *command)
    assert MADE.dest_number in said
    assert "486" in said


def test_for_other_programs(run: Run) -> None:
    [listed] = json.loads(run("calls", "list", "--json"))
    [line] = csv.DictReader(io.StringIO(run("calls", "list", "--csv")))
    shown = json.loads(run("calls", "show", MADE.txn_ref, "--json"))
    for found in (listed, line, shown):
        assert (found["dest_number"], str(found["sip_code"])) == (MADE.dest_number, "486")
        assert not {"facts", "owner", "dialog"} & set(found)
