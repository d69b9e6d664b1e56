"""The commands about trunks."""

import asyncio
import json
from pathlib import Path

import pytest

from cli.conftest import Run
from cli.terminal import on_terminal
from onhook.store import Keyring, Store, TrunkRecord
from onhook.store.trunks import all_trunks

PASSWORD = "correct horse"


async def stored(directory: Path) -> list[TrunkRecord]:
    store = await Store.open(directory)
    try:
        return list(await all_trunks(store))
    finally:
        await store.close()


def test_trunks_are_listed_within_eighty_columns(run: Run, tmp_path: Path) -> None:
    run("trunk", "add", "carrier", "--proxy", "sip.carrier.example.com:5070", "--prefix", "+49")
    lines = on_terminal(80, tmp_path / "data", "trunk", "list").splitlines()
    assert lines[0].split() == ["trunk", "state", "prefix", "proxy", "failures"]
    assert "carrier" in lines[1]
    assert "sip.carrier.example.com:5070" in lines[1]
    assert max(map(len, lines)) <= 80
    assert "username" in on_terminal(200, tmp_path / "data", "trunk", "list")


def test_a_trunk_is_added_listed_and_removed(run: Run) -> None:
    assert "no trunk" in run("trunk", "list")
    run("trunk", "add", "carrier", "--proxy", "SIP.example.com:5070", "--transport", "tcp")
    added = run(
        *("trunk", "add", "local", "--proxy", "192.0.2.1", "--prefix", "+65"),
        *("--caller-id", "+65 3123 4567", "--json"),
    )
    local = {
        "trunk": "local",
        "prefix": "+65",
        "proxy": "192.0.2.1:5060",
        "transport": "udp",
        "username": "",
        "caller_id": "+6531234567",
        "rtp_latching": "signalled",
    }
    assert local.items() <= json.loads(added).items()
    carrier = {
        "trunk": "carrier",
        "prefix": "*",
        "proxy": "sip.example.com:5070",
        "transport": "tcp",
        "username": "",
        "caller_id": "",
        "rtp_latching": "signalled",
    }
    listed = json.loads(run("trunk", "list", "--json"))
    assert [one["trunk"] for one in listed] == ["carrier", "local"]
    assert carrier.items() <= listed[0].items()
    assert local.items() <= listed[1].items()
    assert "sip.example.com:5070" in run("trunk", "list")
    run("trunk", "remove", "carrier")
    assert [one["trunk"] for one in json.loads(run("trunk", "list", "--json"))] == ["local"]
    assert "carrier" in run("trunk", "remove", "carrier", ok=False)


def test_a_name_is_taken_until_its_trunk_is_removed(run: Run) -> None:
    given = ("trunk", "add", "carrier", "--proxy", "sip.example.com:5060")
    run(*given)
    assert "onhook trunk remove carrier" in run(*given, ok=False)
    run("trunk", "remove", "carrier")
    run(*given)


@pytest.mark.parametrize("by_variable", [True, False])
def test_a_password_is_kept_encrypted_and_never_shown(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_variable: bool
) -> None:
    given = ["trunk", "add", "carrier", "--proxy", "sip.example.com:5060", "--username", "shop"]
    if by_variable:
        monkeypatch.setenv("ONHOOK_TRUNK_PASSWORD", PASSWORD)
    else:
        given += ["--password", PASSWORD]
    said = run(*given) + run("trunk", "list") + run("trunk", "list", "--json")
    assert "shop" in said
    assert PASSWORD not in said
    [trunk] = asyncio.run(stored(tmp_path / "data"))
    assert PASSWORD not in trunk.password_encrypted
    assert Keyring.open(tmp_path / "data").decrypt(trunk.password_encrypted) == PASSWORD


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("", "--proxy", "example.com:5060"), "name"),
        (("a b", "--proxy", "example.com:5060"), "name"),
        (("x" * 41, "--proxy", "example.com:5060"), "name"),
        (("a", "--proxy", ""), "--proxy"),
        (("a", "--proxy", ":5060"), "--proxy"),
        (("a", "--proxy", "example.com:"), "--proxy"),
        (("a", "--proxy", "example.com:0"), "--proxy"),
        (("a", "--proxy", "example.com:65536"), "--proxy"),
        (("a", "--proxy", "sip:example.com"), "--proxy"),
        (("a", "--proxy", "1.2.3:5060"), "--proxy"),
        (("a", "--proxy", "1.2.3.256:5060"), "--proxy"),
        (("a", "--proxy", "-a.example.com:5060"), "--proxy"),
        (("a",), "--proxy"),
        (("a", "--proxy", "::1:5060:x"), "--proxy"),
        (("a", "--proxy", "[::1]5060"), "--proxy"),
        (("a", "--proxy", "[::g]:5060"), "--proxy"),
        (("a", "--proxy", "example.com", "--transport", "ws"), "--transport"),
        (("a", "--proxy", "example.com", "--rtp-latching", "all"), "--rtp-latching"),
        (("a", "--proxy", "example.com", "--prefix", "+6x"), "--prefix"),
        (("a", "--proxy", "example.com", "--prefix", "065"), "--prefix"),
        (("a", "--proxy", "example.com", "--prefix", "1" * 16), "--prefix"),
        (("a", "--proxy", "example.com", "--caller-id", "private"), "--caller-id"),
        (("a", "--proxy", "example.com", "--username", "a\nb"), "--username"),
        (("a", "--proxy", "example.com", "--username", "u", "--password", "\x1b"), "password"),
        (("a", "--proxy", "example.com", "--password", "secret-word"), "username"),
        (("a", "--proxy", "example.com", "--register"), "--register needs a username"),
        (("a", "--proxy", "example.com", "--from-user", "a@b"), "--from-user"),
        (("a", "--proxy", "example.com", "--from-domain", "a b"), "--from-domain"),
        (("a", "--proxy", "example.com", "--outbound-proxy", "a:b"), "--outbound-proxy"),
        (
            ("a", "--proxy", "example.com", "--srtp", "maybe"),
            "--srtp is one of off, prefer, require",
        ),
        (("a", "--proxy", "example.com", "--number-format", "national"), "national:CC"),
        (("a", "--proxy", "example.com", "--number-format", "national:999"), "names no country"),
        (("a", "--proxy", "example.com", "--called-from", "from"), "--called-from"),
        (("a", "--proxy", "example.com", "--caller-from", "to"), "--caller-from"),
        (("a", "--proxy", "example.com", "--codecs", "g729"), "--codecs"),
        (("a", "--proxy", "example.com", "--ptime", "7"), "--ptime"),
        (("a", "--proxy", "example.com", "--ptime", "x"), "--ptime is a whole number"),
        (("a", "--proxy", "example.com", "--session-timer", "60"), "--session-timer"),
        (("a", "--proxy", "example.com", "--privacy", "all"), "--privacy"),
        (("a", "--proxy", "example.com", "--header", "X-Account 7"), "--header"),
        (("a", "--proxy", "example.com", "--header", "Contact: <sip:me@h>"), "--header"),
        (("a", "--proxy", "example.com", "--ping", "1"), "--ping"),
        (("a", "--proxy", "example.com", "--inbound", "192.0.2.1/24"), "--inbound"),
        (("a", "--proxy", "example.com", "--ca-file", "/nowhere.pem"), "--ca-file"),
        (("a", "--proxy", "example.com", "--ca-file", __file__), "--ca-file is no PEM"),
        (("a", "--proxy", "example.com", "--client-key", __file__), "--client-key"),
        (("a", "--like", "telnix"), "did you mean telnyx"),
        (("a", "--like", "telnyx"), "--username"),
    ],
)
def test_a_trunk_that_cannot_be_made(run: Run, wrong: tuple[str, ...], said: str) -> None:
    message = run("trunk", "add", *wrong, ok=False)
    assert said in message
    assert "secret-word" not in message
    assert json.loads(run("trunk", "list", "--json")) == []
