"""The commands about accounts and rates."""

import json
from pathlib import Path

import pytest

from cli.conftest import Run


def test_accounts(run: Run) -> None:
    created = json.loads(run("account", "create", "shop", "--currency", "USD", "--json"))
    assert (created["currency"], created["balance"]) == ("USD", "0.000")
    assert "shop" in run("account", "create", "shop", ok=False)
    assert "nobody" in run("app", "create", "x", "--account", "nobody", ok=False)
    assert "app_id" in json.loads(run("app", "create", "x", "--account", "shop", "--json"))
    credited = run("account", "credit", "shop", "12.5", "--bonus", "--note", "a gift", "--json")
    assert json.loads(credited)["bonus"] == "12.500"
    assert "1e5" in run("account", "credit", "shop", "1e5", ok=False)
    assert [one["account"] for one in json.loads(run("account", "list", "--json"))] == [
        "main",
        "shop",
    ]
    assert "a gift" in run("account", "show", "shop")


@pytest.mark.parametrize("amount", ["0", "0.0000001", "1e5", "x", "1000000000"])
def test_an_amount_that_cannot_be_credited(run: Run, amount: str) -> None:
    assert "The amount cannot be used" in run("account", "credit", "main", amount, ok=False)
    assert json.loads(run("account", "show", "main", "--json"))["pays"] == "afterwards"


@pytest.mark.parametrize(
    "given",
    [
        ("Shop",),
        ("a" * 17,),
        ("shop", "--currency", "usd"),
        ("shop", "--prefix", "A1"),
        ("shop", "--country", "SGP"),
        ("shop", "--email", "nobody"),
        ("shop", "--mobile-number", "12"),
        ("shop", "--time-zone", "Nowhere/Else"),
        ("shop", "--name", "x\n"),
    ],
)
def test_an_account_that_cannot_be_made(run: Run, given: tuple[str, ...]) -> None:
    assert (given[1] if len(given) > 1 else given[0]) in run("account", "create", *given, ok=False)


def test_rates(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    good = "direction,prefix,currency,per_minute,initial_s,increment_s\nin,65,SGD,0.5,60,60\n"
    file.write_text(good + "in,66,SGD,0.0000001,60,60\n")
    said = run("rate", "import", str(file), ok=False)
    assert f"{file}, line 3: " in said
    assert json.loads(run("rate", "list", "--json")) == []
    file.write_text(good)
    run("rate", "import", str(file))
    run("rate", "set", "out", "*", "SGD", "1", "--initial-s", "30", "--increment-s", "6")
    prices = {
        (one["direction"], one["prefix"]): one for one in json.loads(run("rate", "list", "--json"))
    }
    assert prices["in", "65"]["per_minute"] == "0.500"
    assert (prices["out", "*"]["initial_s"], prices["out", "*"]["increment_s"]) == (30, 6)
    run("rate", "remove", "out", "*", "SGD")
    assert "out" not in run("rate", "list")


def test_an_account_is_changed_and_removed_if_it_was_never_used(run: Run) -> None:
    run("account", "create", "shop", "--currency", "USD")
    given = ["--name", "The shop", "--email", "me@shop.example", "--mobile-number", "+6591234567"]
    run("account", "set", "shop", *given, "--time-zone", "Europe/Berlin")
    shown = json.loads(run("account", "show", "shop", "--json"))
    assert (shown["name"], shown["email"], shown["mobile_number"], shown["time_zone"]) == (
        "The shop", "me@shop.example", "+6591234567", "Europe/Berlin",
    )  # fmt: skip
    assert (shown["country"], shown["currency"]) == ("SG", "USD")
    assert "--email is not an address" in run("account", "set", "shop", "--email", "x", ok=False)
    assert "--name" in run("account", "set", "shop", ok=False)
    assert "onhook account list" in run("account", "set", "nobody", "--name", "x", ok=False)
    assert "is removed" in run("account", "remove", "shop")
    run("account", "create", "shop")
    run("account", "credit", "shop", "1")
    for kept in ("shop", "main"):
        assert "stays" in run("account", "remove", kept, ok=False)


def test_which_rate_holds_for_a_number(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("rate", "set", "out", "65", "SGD", "0.03")
    run("rate", "set", "out", "6591", "SGD", "0.05", "--initial-s", "30")
    monkeypatch.setenv("ONHOOK_RATE", "0.125")
    for number, prefix, charge in (
        ("+6591234567", "6591", "0.050"),
        ("+6531234567", "65", "0.030"),
        ("+4930123456", "(default)", "0.125"),
    ):
        found = json.loads(run("rate", "show", "out", number, "SGD", "--json"))
        assert (found["prefix"], found["per_minute"]) == (prefix, charge)
    assert "6591" in run("rate", "show", "out", "+6591234567", "SGD")
    assert "cannot be used" in run("rate", "show", "out", "12a", "SGD", ok=False)
