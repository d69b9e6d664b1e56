"""``onhook operator …``, and what commands write into the audit."""

import asyncio
import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from onhook.cli.main import app
from onhook.store import Store
from onhook.store.audit import audit_entries
from onhook.store.noted import AuditEntry

Run = Callable[..., str]
PASSWORD = "seven green bottles"


def _add(*arguments: str, password: str = PASSWORD) -> tuple[int, str, str]:
    ended = CliRunner().invoke(app, ("operator", "add", *arguments), input=f"{password}\n")
    return ended.exit_code, ended.stdout, ended.stderr


def _audit(data: Path) -> list[AuditEntry]:
    async def read() -> list[AuditEntry]:
        store = await Store.open(data)
        found = await audit_entries(store)
        await store.close()
        return list(found)

    return asyncio.run(read())


def test_an_operator_is_added_changed_and_removed(run: Run) -> None:
    assert "no console" in run("operator", "list")
    assert _add("mei", "--role", "look") == (0, "mei may look on the console, /console.\n", "")
    status, _, said = _add("mei", "--role", "look")
    assert status == 1
    assert "already" in said
    status, told, _ = _add("ravi", "--role", "administer", "--json")
    assert (json.loads(told)["name"], json.loads(told)["role"]) == ("ravi", "administer")
    assert PASSWORD not in told
    run("operator", "change", "mei", "--role", "operate")
    listed = json.loads(run("operator", "list", "--json"))
    assert [(one["name"], one["role"]) for one in listed] == [
        ("mei", "operate"),
        ("ravi", "administer"),
    ]
    assert set(listed[0]) == {"name", "role", "created_ms", "seen_ms"}
    assert json.loads(run("operator", "remove", "mei", "--yes", "--json"))["removed"] is True
    assert "no operator" in run("operator", "remove", "mei", "--yes", ok=False)
    assert "no operator" in run("operator", "change", "mei", "--unlock", ok=False)
    assert "--role" in run("operator", "change", "ravi", ok=False)


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [
        ("mei", "too short", "12 characters"),
        ("mei", "", "12 characters"),
        ("mei", "aaaaaaaaaaaaaaa", "guessed"),
        ("Mei Lin", PASSWORD, "cannot be the name"),
        ("../mei", PASSWORD, "cannot be the name"),
        ("m" * 41, PASSWORD, "cannot be the name"),
    ],
)
def test_what_cannot_be_an_operator_is_one_sentence(
    run: Run, name: str, password: str, said: str
) -> None:
    status, _, told = _add(name, "--role", "look", password=password)
    assert status == 1
    assert said in told
    assert len(told.strip().splitlines()) == 1
    assert json.loads(run("operator", "list", "--json")) == []


def test_the_database_has_no_password(run: Run, tmp_path: Path) -> None:
    _add("mei", "--role", "look")
    for file in (tmp_path / "data").iterdir():
        if file.is_file():
            assert PASSWORD.encode() not in file.read_bytes(), file


def test_every_command_that_changes_something_says_so_in_the_audit(
    run: Run, tmp_path: Path
) -> None:
    number, other = "+6531234567", "+6531234568"
    one = json.loads(run("app", "create", "shop", "--json"))["app_id"]
    two = json.loads(run("app", "create", "taxi", "--json"))["app_id"]
    for arguments in (
        ("number", "add", number, "--app", one, "--forward-to", "http://192.0.2.7/"),
        ("number", "set", number, "--forward-to", "http://192.0.2.8/"),
        ("number", "update", number, "--media"),
        ("number", "move", number, "--app", two),
        ("number", "remove", number, "--yes"),
        ("app", "update", one, "--name", "shop 2"),
        ("app", "token", "add", one, "reports"),
        ("app", "token", "rotate", one, "reports", "--yes"),
        ("app", "token", "revoke", one, "reports", "--yes"),
        ("app", "rotate", one, "--yes"),
        ("app", "remove", one, "--yes"),
        ("account", "create", "acme"),
        ("account", "set", "acme", "--mobile-number", other),
        ("account", "remove", "acme", "--yes"),
        ("account", "credit", "main", "5"),
        ("rate", "set", "out", "65", "SGD", "0.02"),
        ("rate", "remove", "out", "65", "SGD", "--yes"),
        ("trunk", "add", "carrier", "--proxy", "192.0.2.7", "--prefix", "65"),
        ("trunk", "set", "carrier", "--caller-id", other),
        ("trunk", "remove", "carrier", "--yes"),
    ):
        run(*arguments)
    _add("mei", "--role", "look")
    run("operator", "change", "mei", "--role", "operate")
    run("operator", "remove", "mei", "--yes")
    found = list(reversed(_audit(tmp_path / "data")))
    assert [(entry.what) for entry in found] == [
        *("app create", "app create", "number add", "number set", "number set"),
        *("number move", "number remove", "app update", "app token add", "app token rotate"),
        *("app token revoke", "app rotate", "app remove", "account create", "account set"),
        *("account remove", "account credit", "rate set", "rate remove", "trunk add"),
        *("trunk set", "trunk remove", "operator add", "operator change", "operator remove"),
    ]
    assert {entry.who for entry in found} == {pwd.getpwuid(os.getuid()).pw_name}
    assert {entry.way for entry in found} == {"cli"}
    said = json.dumps([[entry.which, entry.detail] for entry in found])
    for hidden in (number, other, number[1:], "192.0.2.8"):
        assert hidden not in said
    named = {entry.which for entry in found if entry.what.startswith("number ")}
    assert len(named) == 1, "one number has one name"
    at_ms = [entry.at_ms for entry in found]
    assert at_ms == sorted(at_ms)


def test_a_command_that_fails_says_nothing_in_the_audit(run: Run, tmp_path: Path) -> None:
    run("app", "remove", "nobody", "--yes", ok=False)
    run("trunk", "remove", "nobody", "--yes", ok=False)
    assert _audit(tmp_path / "data") == []
