"""Every option of a trunk, from a command, from a file and from what is known of a carrier."""

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from typer.testing import CliRunner

from cli.conftest import Run
from cli.test_trunk_commands import stored
from onhook.administration.trunk_options import OPTIONS, TrunkOptions
from onhook.administration.trunk_presets import all_presets
from onhook.calls.trunks import trunk_of
from onhook.cli.main import app
from onhook.store import Keyring

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBizCCATGgAwIBAgIUIlMRx45vbT14S66otyVQqMaEP/swCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPc2lwLmV4YW1wbGUuY29tMCAXDTI2MTEyODIyMDgyOVoYDzIx
MjYxMTA0MjIwODI5WjAaMRgwFgYDVQQDDA9zaXAuZXhhbXBsZS5jb20wWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAASiv/x/MjoQ543D3CJQO7QTUe8JKKIJIyOGpTmA
HWcvMlPzsQ9GDgrTy36qbDdBmPPIlt2XNCwnYdLajUQBBv6ko1MwUTAdBgNVHQ4E
FgQUUJT6RdplizqfWTsrxGgzOIA7ZFkwHwYDVR0jBBgwFoAUUJT6RdplizqfWTsr
xGgzOIA7ZFkwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiA6UjoB
CvwE5Yp6bZFEZ7mdgWeA1x+sFiZOmE4GPbeDVgIhAOjS3b6bs+XhBVQwIjY200VV
ta+7EsgYgUQX3Pp1tHFd
-----END CERTIFICATE-----
"""
"""Of nobody: what it is for is to be read."""
EVERYTHING: dict[str, Any] = {
    "proxy": "[2001:db8::7]:5081",
    "transport": "tls",
    "register": True,
    "username": "shop",
    "password": "correct horse",
    "auth_user": "0001",
    "from_user": "+6531234567",
    "from_domain": "shop.example.com",
    "outbound_proxy": "sip:edge.example.com;transport=tcp",
    "srtp": "require",
    "number_format": "national:65",
    "called_from": "to",
    "caller_from": "ppi",
    "inbound": ["192.0.2.0/24", "sip.example.com"],
    "codecs": ["PCMA"],
    "ptime": 0,
    "session_timer": 300,
    "privacy": "id",
    "header": ["X-Account: 7", "X-Branch: a, b"],
    "ping": 30,
    "keepalive": 0,
    "ca_file": "",
    "client_cert": "",
    "client_key": "",
    "prefix": "+65",
    "caller_id": "+6531234567",
    "rtp_latching": "any",
}


def as_arguments(options: dict[str, Any]) -> list[str]:
    """The options as a command has them."""
    arguments: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        match value:
            case bool():
                arguments += [flag] if value else []
            case [*several] if name == "header":
                arguments += [part for line in several for part in (flag, line)]
            case [*several]:
                arguments += [flag, ",".join(several)]
            case _:
                arguments += [flag, str(value)]
    return arguments


def as_table(name: str, options: dict[str, Any]) -> str:
    """The options as a table of a TOML file."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in options.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def as_shown(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "password": bool(options["password"])}


def test_everything_that_a_trunk_can_be_told(run: Run, tmp_path: Path) -> None:
    assert set(EVERYTHING) == set(OPTIONS)
    said = run("trunk", "add", "carrier", *as_arguments(EVERYTHING), "--json")
    assert json.loads(said) == {"trunk": "carrier", **as_shown(EVERYTHING)}
    shown = json.loads(run("trunk", "show", "carrier", "--json"))
    assert shown.pop("defaults") == ["ptime", "ca_file", "client_cert", "client_key"]
    assert shown.pop("health") is None
    assert shown == json.loads(said)
    [record] = asyncio.run(stored(tmp_path / "data"))
    trunk = trunk_of(record, Keyring.open(tmp_path / "data"))
    assert (trunk.host, trunk.port, trunk.password) == ("2001:db8::7", 5081, "correct horse")
    assert trunk.headers == (("X-Account", "7"), ("X-Branch", "a, b"))
    assert trunk.next_hop == ("edge.example.com", None, "tcp")
    assert "correct horse" not in run("trunk", "show", "carrier")


def test_every_option_can_be_given_by_its_name() -> None:
    kinds: dict[str, object] = {
        "flag": bool | None,
        "number": str | int | None,
        "words": str | Sequence[str] | None,
        "lines": str | Sequence[str] | None,
    }
    of = {name: kinds.get(option.kind, str | None) for name, option in OPTIONS.items()}
    assert get_type_hints(TrunkOptions) == of


def test_what_was_left_at_its_default_is_marked(run: Run) -> None:
    run("trunk", "add", "carrier", "--proxy", "sip.example.com", "--session-timer", "0")
    lines = run("trunk", "show", "carrier").splitlines()
    of = {line.split()[0]: line for line in lines}
    assert set(OPTIONS) <= set(of)
    assert of["srtp"].split() == ["srtp", "off", "default"]
    assert of["session_timer"].split() == ["session_timer", "0"]
    assert of["proxy"].split() == ["proxy", "sip.example.com"]
    assert "trunk" in run("trunk", "show", "nobody", ok=False)


def test_an_option_is_changed_and_the_others_stay(run: Run, tmp_path: Path) -> None:
    run("trunk", "add", "carrier", *as_arguments(EVERYTHING))
    changed = json.loads(run("trunk", "set", "carrier", "--srtp", "off", "--header", "", "--json"))
    assert changed == {
        "trunk": "carrier",
        **as_shown(EVERYTHING),
        "srtp": "off",
        "header": [],
    }
    [record] = asyncio.run(stored(tmp_path / "data"))
    assert Keyring.open(tmp_path / "data").decrypt(record.password_encrypted) == "correct horse"
    without = run("trunk", "set", "carrier", "--username", "", "--no-register", "--json")
    assert json.loads(without)["password"] is False
    assert "needs a username" in run("trunk", "set", "carrier", "--register", ok=False)
    assert "--ptime" in run("trunk", "set", "carrier", "--ptime", "7", ok=False)
    assert "nobody" in run("trunk", "set", "nobody", "--ptime", "20", ok=False)
    assert "Nothing" in run("trunk", "set", "carrier", ok=False)
    assert "carrier is changed: codecs, ping." in run(
        "trunk", "set", "carrier", "--codecs", "", "--ping", "0"
    )


def test_a_password_is_kept_to_the_last_blank(run: Run, tmp_path: Path) -> None:
    run("trunk", "add", "one", "--proxy", "h", "--username", "u", "--password", " two ")
    [record] = asyncio.run(stored(tmp_path / "data"))
    assert Keyring.open(tmp_path / "data").decrypt(record.password_encrypted) == " two "


@pytest.mark.parametrize(
    ("transport", "srtp", "warned"),
    [("udp", "prefer", True), ("tls", "require", False), ("udp", "off", False)],
)
def test_keys_in_the_clear_are_warned_of(
    run: Run, tmp_path: Path, transport: str, srtp: str, warned: bool
) -> None:
    data = str(tmp_path / "data")
    given = ["trunk", "add", "one", "--proxy", "h", "--transport", transport, "--srtp", srtp]
    ended = CliRunner().invoke(app, [*given, "--data", data])
    assert ended.exit_code == 0
    assert ("does not encrypt" in ended.stderr) == warned


def test_a_file_says_what_the_trunks_are(run: Run, tmp_path: Path) -> None:
    run("trunk", "add", "spare", "--proxy", "192.0.2.1", "--srtp", "require")
    run("trunk", "add", "other", "--proxy", "192.0.2.2")
    file = tmp_path / "trunks.toml"
    spare = '[spare]\nproxy = "192.0.2.9:5070"\nfrom-user = "me"\n'
    file.write_text(as_table("carrier", EVERYTHING) + spare)
    made = json.loads(run("trunk", "load", str(file), "--json"))
    assert made[0] == {"trunk": "carrier", **as_shown(EVERYTHING)}
    listed = {one["trunk"]: one for one in json.loads(run("trunk", "list", "--json"))}
    assert list(listed) == ["spare", "other", "carrier"]  # carrier has a prefix
    assert (listed["spare"]["proxy"], listed["spare"]["srtp"]) == ("192.0.2.9:5070", "off")
    assert listed["spare"]["from_user"] == "me"
    without = {key: value for key, value in EVERYTHING.items() if key != "password"}
    file.write_text(as_table("carrier", without))
    run("trunk", "load", str(file))
    [_, _, record] = asyncio.run(stored(tmp_path / "data"))
    assert Keyring.open(tmp_path / "data").decrypt(record.password_encrypted) == "correct horse"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('proxy = "a"\n', "proxy stands above the first table"),
        ('[one]\nproxy = "a"\nfrom_usr = "b"\n', "unknown: from_usr; did you mean from_user?"),
        ('[one]\nproxy = "a"\nzzz = 1\n', "[one] has a key that is unknown: zzz; see"),
        ('[one]\nproxy = "a"\n[two]\nproxy = "b"\nsrtp = "yes"\n', "[two] srtp is one of"),
        ('[one]\nproxy = "a"\nptime = "x"\n', "[one] ptime is a whole number"),
        ('[one]\nproxy = "a"\nptime = true\n', "[one] ptime is a whole number"),
        ('[one]\nproxy = "a"\nregister = 1\n', "[one] register is true or false"),
        ('[one]\nproxy = "a"\ninbound = 1\n', "[one] inbound is a list"),
        ('[one]\nproxy = 7\n', "[one] proxy is a text"),
        ('[one]\n', "[one] proxy is missing"),
        ('["a b"]\nproxy = "a"\n', "is not a name for a trunk"),
        ('[one]\nlike = "nobody"\n', "[one] No carrier 'nobody'"),
        ('[one]\nlike = "telnyx"\n', "[one] A trunk like telnyx needs --username"),
        ("[one\n", "is not TOML"),
        ("a = " + "[" * 5000, "is not TOML"),
        ("", "has no trunk"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_taken_changes_nothing(
    run: Run, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "trunks.toml"
    file.write_text(text)
    refused = run("trunk", "load", str(file), ok=False)
    assert said in refused
    assert str(file) in refused
    assert json.loads(run("trunk", "list", "--json")) == []


def test_a_file_that_is_not_there(run: Run, tmp_path: Path) -> None:
    assert "cannot be read" in run("trunk", "load", str(tmp_path / "none.toml"), ok=False)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    assert "UTF-8" in run("trunk", "load", str(tmp_path / "binary.toml"), ok=False)


@pytest.mark.parametrize("name", sorted(all_presets()))
def test_what_is_known_of_a_carrier_makes_a_trunk(run: Run, name: str) -> None:
    known = all_presets()[name]
    samples = {"proxy": "sip.example.com", "caller_id": "+6531234567", "inbound": "192.0.2.1"}
    needed = {option: samples.get(option, "something") for option in known.needs}
    made = json.loads(run("trunk", "add", "one", "--like", name, *as_arguments(needed), "--json"))
    for option in known.options:
        assert option in OPTIONS
    own = run(
        "trunk", "add", "two", "--like", name, *as_arguments(needed), "--proxy", "h:1", "--json"
    )
    assert json.loads(own)["proxy"] == "h:1"
    assert made["trunk"] == "one"
    for option in known.needs:
        left = {key: value for key, value in needed.items() if key != option}
        assert known.page in run("trunk", "add", "x", "--like", name, *as_arguments(left), ok=False)


def test_an_option_of_a_carrier_may_be_made_of_the_user_name(run: Run) -> None:
    given = ("--like", "sipgate", "--username", "1234567t0", "--password", "p", "--json")
    made = json.loads(run("trunk", "add", "one", *given))
    assert (made["from_user"], made["register"]) == ("1234567t0", True)


def test_certificates_are_looked_at_when_they_are_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(CERTIFICATE)
    where = os.path.relpath(tmp_path / "ca.pem")
    made = run(
        "trunk", "add", "one", "--proxy", "h", "--transport", "tls", "--ca-file", where, "--json"
    )
    assert json.loads(made)["ca_file"] == str(Path(where).absolute())


def test_trunks_are_removed_in_json(run: Run) -> None:
    run("trunk", "add", "one", "--proxy", "h")
    assert json.loads(run("trunk", "remove", "one", "--json")) == {"trunk": "one", "removed": True}
