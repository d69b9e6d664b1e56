"""No change without its entry in the audit: both are one transaction, whichever change it is."""

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

import onhook
from cli.conftest import Run
from onhook.cli.main import app
from onhook.store import Store, StoreError, Writes
from onhook.store.noted import AuditEntry
from onhook.store.numbers import forward
from onhook.store.operators import (
    ConsoleSession,
    begin_session,
    change_operator,
    end_session,
)
from onhook.store.reports import ask_for_replay
from onhook.store.sqlite import DATABASE_FILE
from store.samples import call, notification

NUMBER = "+6531234567"
BY_COMMAND: Sequence[tuple[str, Sequence[str]]] = (
    ("account create", ("account", "create", "books")),
    ("account set", ("account", "set", "books", "--name", "Books")),
    ("account remove", ("account", "remove", "books", "--yes")),
    ("account credit", ("account", "credit", "main", "10")),
    ("app create", ("app", "create", "shop")),
    ("app update", ("app", "update", "APP", "--name", "x", "--format", "json", "--detail", "why")),
    ("app token add", ("app", "token", "add", "APP", "reports")),
    ("app token rotate", ("app", "token", "rotate", "APP", "reports", "--yes")),
    ("app token revoke", ("app", "token", "revoke", "APP", "reports", "--yes")),
    ("app rotate", ("app", "rotate", "APP", "--keep", "before")),
    ("number add", ("number", "add", NUMBER, "--app", "APP", "--forward-to", "http://127.0.0.1/")),
    ("number set", ("number", "set", NUMBER, "--format", "json", "--media", "--detail", "why")),
    ("number move", ("number", "move", NUMBER, "--app", "APP")),
    ("trunk add", ("trunk", "add", "carrier", "--proxy", "192.0.2.1")),
    ("trunk set", ("trunk", "set", "carrier", "--prefix", "+65")),
    ("trunk remove", ("trunk", "remove", "carrier", "--yes")),
    ("trunk load", ("trunk", "load", "TRUNKS")),
    ("rate set", ("rate", "set", "out", "65", "SGD", "0.02")),
    ("rate remove", ("rate", "remove", "out", "65", "SGD", "--yes")),
    ("rate import", ("rate", "import", "RATES")),
    ("operator add", ("operator", "add", "mei", "--role", "administer")),
    ("operator change", ("operator", "change", "mei", "--role", "look", "--unlock")),
)
AT_LAST: Sequence[tuple[str, Sequence[str]]] = (
    ("operator remove", ("operator", "remove", "mei", "--yes")),
    ("number remove", ("number", "remove", NUMBER, "--yes")),
    ("app remove", ("app", "remove", "APP", "--yes")),
)
NO_CHANGE_OF_THE_STORE = {"call hangup", "call place", "sign in refused", "trunk test"}
"""What happens elsewhere: its entry follows it."""


class Database:
    """The file of a data directory, beside whoever changes it."""

    def __init__(self, data: Path) -> None:
        self._file = data / DATABASE_FILE

    def content(self) -> list[str]:
        """Every row of every table."""
        with sqlite3.connect(self._file) as database:
            return [line for line in database.iterdump() if line.startswith("INSERT")]

    def refuse_entries(self, *, refused: bool) -> None:
        """As if the process died between a change and its entry: the entry cannot be written, or can."""
        trigger = (
            "CREATE TRIGGER dies BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'dies'); END"
            if refused
            else "DROP TRIGGER dies"
        )
        with sqlite3.connect(self._file) as database:
            database.execute(trigger)

    def newest(self) -> str:
        with sqlite3.connect(self._file) as database:
            found = database.execute(
                "SELECT what FROM audit ORDER BY entry DESC LIMIT 1"
            ).fetchone()
        return str(found[0])

    def application(self) -> str:
        with sqlite3.connect(self._file) as database:
            found = database.execute("SELECT app_id FROM applications").fetchone()
        return "" if found is None else str(found[0])


def succeeds(tmp_path: Path, database: Database, words: Sequence[str]) -> bool:
    """Whether a command did what it is for."""
    files = {
        "APP": database.application(),
        "TRUNKS": str(tmp_path / "trunks.toml"),
        "RATES": str(tmp_path / "rates.csv"),
    }
    said = [files.get(word, word) for word in words]
    given = "y\n" if words[:2] == ("app", "rotate") else "seven green bottles\n"
    ended = CliRunner().invoke(app, said, input=given)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code == 0


def check(what: str, database: Database, change: Callable[[], bool]) -> None:
    """Nothing of a change is there whose entry could not be written; then both are."""
    before = database.content()
    database.refuse_entries(refused=True)
    assert not change(), what
    database.refuse_entries(refused=False)
    assert database.content() == before, what
    assert change(), what
    assert database.content() != before, what
    assert database.newest() == what


@pytest.fixture
def database(run: Run, tmp_path: Path) -> Database:
    run("account", "list")
    (tmp_path / "trunks.toml").write_text('[other]\nproxy = "192.0.2.2"\n')
    (tmp_path / "rates.csv").write_text(
        "direction,prefix,currency,per_minute,initial_s,increment_s\nout,49,SGD,0.01,60,60\n"
    )
    return Database(tmp_path / "data")


def test_a_command_changes_nothing_that_the_audit_does_not_tell(
    tmp_path: Path, database: Database
) -> None:
    for what, words in (*BY_COMMAND, *AT_LAST):
        check(what, database, partial(succeeds, tmp_path, database, words))


def test_nor_do_the_console_and_the_api(tmp_path: Path, database: Database) -> None:
    for _, words in BY_COMMAND:
        assert succeeds(tmp_path, database, words), words
    told = notification("S1", 0)
    mine = call("S1", app_id=database.application(), account_id="main")

    async def store_call(store: Store) -> None:
        await store.submit(Writes(calls=(mine,), notifications=(told,)))

    in_store(tmp_path, store_call)
    with sqlite3.connect(tmp_path / "data" / DATABASE_FILE) as one:
        one.execute("UPDATE notifications SET state = 'delivered'")
    session = ConsoleSession("hash", "mei", 1, 1)

    def noted(what: str) -> AuditEntry:
        return AuditEntry("mei", "console", what, "x")

    changes: dict[str, Callable[[Store], Awaitable[object]]] = {
        "sign in": lambda store: begin_session(store, session, 0, noted("sign in")),
        "sign out": lambda store: end_session(store, "hash", noted("sign out")),
        "operator change": lambda store: change_operator(
            store, "mei", {"password": "another"}, noted=noted("operator change")
        ),
        "notification replay": lambda store: ask_for_replay(
            store, told.notification_id, 5, noted("notification replay")
        ),
        "notifications replay": lambda store: ask_for_replay(
            store, told.notification_id, 6, noted("notifications replay")
        ),
        "number set": lambda store: forward(
            store, NUMBER, "http://127.0.0.2/", (), noted("number set")
        ),
    }
    for what, change in changes.items():
        check(what, database, partial(in_store, tmp_path, change))
    known = {what for what, _ in (*BY_COMMAND, *AT_LAST)} | set(changes)
    assert told_of_in_source() - NO_CHANGE_OF_THE_STORE == known, "each kind of change is here"


def in_store(tmp_path: Path, change: Callable[[Store], Awaitable[object]]) -> bool:
    """Whether the database took it."""

    async def run() -> bool:
        store = await Store.open(tmp_path / "data")
        try:
            await change(store)
        except StoreError:
            return False
        finally:
            await store.close()
        return True

    return asyncio.run(run())


def told_of_in_source() -> set[str]:
    """What entries are made of anywhere."""
    entry = re.compile(
        r'(?:\b_?noted?\(\s*(?:settings, )?|AuditEntry\([^"()]*"(?:api|console|cli)", )"([a-z ]+)"'
    )
    sources = Path(onhook.__file__).parent
    return {
        what
        for part in ("administration", "api", "cli", "console")
        for path in (sources / part).rglob("*.py")
        for what in entry.findall(path.read_text())
    }
