"""Several tokens of an application; numbers that are changed and moved; who is asked before that."""

import json
from pathlib import Path

import pytest

from cli.conftest import Run
from cli.terminal import on_terminal
from cli.test_applications import NUMBER, URL, added, created


def tokens(run: Run, app_id: str) -> list[tuple[str, bool]]:
    listed = json.loads(run("app", "token", "list", app_id, "--json"))
    return [(one["name"], one["signs"]) for one in listed]


def test_tokens_are_added_listed_rotated_and_revoked(run: Run) -> None:
    made = created(run)
    app_id = made["app_id"]
    reports = json.loads(run("app", "token", "add", app_id, "reports", "--json"))
    assert (reports["app_id"], reports["name"]) == (app_id, "reports")
    assert tokens(run, app_id) == [("main", True), ("reports", False)]
    assert "reports already" in run("app", "token", "add", app_id, "reports", ok=False)
    another = json.loads(run("app", "token", "rotate", app_id, "reports", "--json"))
    first = json.loads(run("app", "rotate", app_id, "--keep", "before", "--json"))
    found = [made["access_token"], *(one["access_token"] for one in (reports, another, first))]
    assert len(set(found)) == 4
    assert all(len(token) == 16 for token in found)
    assert sorted(tokens(run, app_id)) == [("before", False), ("main", True), ("reports", False)]
    assert "before already" in run("app", "rotate", app_id, "--keep", "before", ok=False)
    assert "is revoked" in run("app", "token", "revoke", app_id, "before")
    shown = run("app", "show", app_id) + run("app", "token", "list", app_id)
    assert "main, reports" in shown
    assert not any(token in shown for token in found)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["token", "add", "{app}", "main"], "cannot be the name"),
        (["token", "add", "{app}", "a b"], "cannot be the name"),
        (["token", "add", "nobody", "x"], "There is no application"),
        (["token", "revoke", "{app}", "main"], "onhook app rotate"),
        (["token", "revoke", "{app}", "x"], "has no token 'x'"),
        (["token", "rotate", "{app}", "x"], "has no token 'x'"),
        (["rotate", "nobody"], "There is no application"),
        (["rotate", "{app}", "--keep", "main"], "--keep"),
        (["show", "nobody"], "There is no application"),
        (["update", "{app}"], "--format, --detail or --name"),
    ],
)
def test_a_mistake_is_one_sentence(run: Run, command: list[str], sentence: str) -> None:
    app_id = created(run)["app_id"]
    filled = [app_id if part == "{app}" else part for part in command]
    assert sentence in run("app", *filled, ok=False)


def test_an_application_is_shown_and_renamed(run: Run) -> None:
    app_id = created(run)["app_id"]
    added(run, app_id)
    run("app", "update", app_id, "--name", "till", "--format", "json")
    shown = json.loads(run("app", "show", app_id, "--json"))
    assert (shown["name"], shown["format"], shown["numbers"]) == ("till", "json", [NUMBER])
    assert [one["name"] for one in shown["tokens"]] == ["main"]


def test_a_number_is_shown_changed_and_moved(run: Run) -> None:
    one, other = created(run), created(run, "other")
    added(run, one["app_id"])
    url = "https://till.example/calls"
    run("number", "set", NUMBER, "--forward-to", url, "--format", "json", "--media")
    run("number", "move", NUMBER, "--app", other["app_id"])
    shown = json.loads(run("number", "show", NUMBER, "--json"))
    assert (shown["app_id"], shown["forward_to"], shown["format"], shown["media"]) == (
        other["app_id"], url, "json", True,
    )  # fmt: skip
    assert url in run("number", "show", NUMBER)
    assert "--forward-to" in run("number", "set", NUMBER, ok=False)
    assert "--forward-to" in run("number", "set", NUMBER, "--forward-to", "ftp://x/", ok=False)
    for command in (
        ["show", "+6500000000"],
        ["set", "+6500000000", "--forward-to", URL],
        ["move", "+6500000000", "--app", one["app_id"]],
    ):
        assert "onhook number list" in run("number", *command, ok=False)
    assert "There is no application" in run("number", "move", NUMBER, "--app", "x", ok=False)


@pytest.mark.parametrize(("typed", "removed"), [("y\n", True), ("n\n", False)])
def test_whoever_sits_at_a_terminal_is_asked_first(
    run: Run, tmp_path: Path, typed: str, removed: bool
) -> None:
    added(run, created(run)["app_id"])
    data = tmp_path / "data"
    said = on_terminal(
        80, data, "number", "remove", NUMBER, typed=typed, status=0 if removed else 1
    )
    assert "will be refused. Go on? [y/N]" in said
    assert ("Nothing was changed." in said) != removed
    assert (json.loads(run("number", "list", "--json")) == []) == removed
    if not removed:
        assert "Go on?" not in on_terminal(80, data, "number", "remove", NUMBER, "--yes")
