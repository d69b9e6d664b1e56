"""``onhook app`` and ``onhook number``: made, listed, removed, and made again."""

import json
from pathlib import Path

import pytest

from cli.conftest import Run

NUMBER = "+6531234567"
URL = "https://shop.example.com/calls"


def created(run: Run, name: str = "shop") -> dict[str, str]:
    return dict(json.loads(run("app", "create", name, "--json")))


def added(run: Run, app_id: str, number: str = NUMBER) -> None:
    run("number", "add", number, "--app", app_id, "--forward-to", URL)


def test_what_is_there_is_listed_without_secrets(run: Run) -> None:
    assert run("app", "list") == "There is no application.\n"
    assert run("number", "list") == "There is no number.\n"
    assert (run("app", "list", "--json"), run("number", "list", "--json")) == ("[]\n", "[]\n")
    shop, spare = created(run), created(run, "spare")
    added(run, shop["app_id"])
    added(run, shop["app_id"], "+6531234568")
    listed = json.loads(run("app", "list", "--json"))
    assert [(one["app_id"], one["name"], one["account"], one["numbers"]) for one in listed] == [
        (shop["app_id"], "shop", "main", [NUMBER, "+6531234568"]),
        (spare["app_id"], "spare", "main", []),
    ]
    [first, _] = json.loads(run("number", "list", "--json"))
    assert first["created_ms"] > 0
    del first["created_ms"]
    assert first == {
        "number": NUMBER,
        "app_id": shop["app_id"],
        "application": "shop",
        "forward_to": URL,
        "format": "form",
        "media": False,
        "detail": "none",
    }
    shown = run("app", "list") + run("number", "list")
    for part in (shop["app_id"], "spare", f"{NUMBER}, +6531234568", URL):
        assert part in shown
    for secret in (shop["access_token"], shop["webhook_secret"]):
        assert secret not in shown + json.dumps(listed)


def test_a_number_that_is_taken_says_by_whom_and_can_be_freed(run: Run) -> None:
    one, other = created(run), created(run, "other")
    added(run, one["app_id"])
    again = ("number", "add", NUMBER, "--app", other["app_id"], "--forward-to", URL)
    said = run(*again, ok=False)
    for part in (NUMBER, one["app_id"], f"onhook number remove {NUMBER}"):
        assert part in said
    assert run("number", "remove", NUMBER) == f"The number {NUMBER} is removed.\n"
    run(*again)
    assert "onhook number list" in run("number", "remove", "+6500000000", ok=False)


@pytest.mark.parametrize("written", ["6531234567", "+65 3123-4567", "006531234567"])
def test_a_number_may_be_written_in_its_ways(run: Run, written: str) -> None:
    added(run, created(run)["app_id"])
    run("number", "remove", written)
    assert run("number", "list") == "There is no number.\n"


def test_an_application_is_removed_after_its_numbers(run: Run) -> None:
    app_id = created(run)["app_id"]
    added(run, app_id)
    said = run("app", "remove", app_id, ok=False)
    assert NUMBER in said
    assert "onhook number remove" in said
    run("number", "remove", NUMBER)
    assert app_id in run("app", "remove", app_id)
    assert run("app", "list") == "There is no application.\n"
    assert "onhook app list" in run("app", "remove", app_id, ok=False)
    where = ("--app", app_id, "--forward-to", URL)
    assert "onhook app list" in run("number", "add", NUMBER, *where, ok=False)


def test_nothing_of_it_reaches_another_directory(run: Run, tmp_path: Path) -> None:
    created(run)
    said = run("app", "list", "--data", str(tmp_path), ok=False)
    assert str(tmp_path) in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def formats(run: Run) -> tuple[list[str], list[str]]:
    """Those of the applications, and those of the numbers."""
    applications = json.loads(run("app", "list", "--json"))
    numbers = json.loads(run("number", "list", "--json"))
    return [one["format"] for one in applications], [one["format"] for one in numbers]


def test_an_application_is_told_in_json_if_it_wants(run: Run) -> None:
    made = json.loads(run("app", "create", "shop", "--format", "json", "--json"))
    added(run, made["app_id"])
    assert formats(run) == (["json"], ["json"])
    run("app", "update", made["app_id"], "--format", "form")
    assert formats(run) == (["form"], ["form"])
    assert "onhook app list" in run("app", "update", "nobody", "--format", "json", ok=False)


def test_a_number_has_a_format_of_its_own_if_it_wants(run: Run) -> None:
    app_id = created(run)["app_id"]
    where = ("--app", app_id, "--forward-to", URL)
    run("number", "add", NUMBER, *where, "--format", "json")
    assert formats(run) == (["form"], ["json"])
    run("app", "update", app_id, "--format", "json")
    run("number", "update", NUMBER, "--format", "form")
    assert formats(run) == (["json"], ["form"])
    run("number", "update", "65 3123 4567", "--format", "application")
    assert formats(run) == (["json"], ["json"])
    missing = run("number", "update", "+6500000000", "--format", "json", ok=False)
    assert "onhook number list" in missing


def details(run: Run) -> tuple[list[str], list[str]]:
    applications = json.loads(run("app", "list", "--json"))
    numbers = json.loads(run("number", "list", "--json"))
    return [one["detail"] for one in applications], [one["detail"] for one in numbers]


def test_who_is_told_why_a_call_ended_is_said_when_they_are_made_and_later(run: Run) -> None:
    made = json.loads(run("app", "create", "shop", "--detail", "why", "--json"))
    where = ("--app", made["app_id"], "--forward-to", URL)
    run("number", "add", NUMBER, *where)
    assert details(run) == (["why"], ["why"])
    run("number", "add", "+6531234568", *where, "--detail", "none")
    assert details(run) == (["why"], ["why", "none"])
    assert json.loads(run("number", "show", "+6531234568", "--json"))["detail"] == "none"
    run("app", "update", made["app_id"], "--detail", "none")
    run("number", "set", "+6531234568", "--detail", "why")
    assert details(run) == (["none"], ["none", "why"])
    assert json.loads(run("app", "show", made["app_id"], "--json"))["detail"] == "none"


def test_a_number_is_the_one_that_others_call(run: Run) -> None:
    shop = created(run)
    added(run, shop["app_id"], "+44 (0)20 7946 0958")
    [listed] = json.loads(run("number", "list", "--json"))
    assert listed["number"] == "+442079460958"
