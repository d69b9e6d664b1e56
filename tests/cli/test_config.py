"""``onhook config show``: every setting, its value, and where that comes from."""

import json
import tempfile
from pathlib import Path

import pytest

from cli.conftest import Run
from cli.terminal import on_terminal
from onhook.cli.config_shown import other_of
from onhook.server.settings import Settings, load


def shown(run: Run, *arguments: str) -> dict[str, tuple[str, str]]:
    found = json.loads(run("config", "show", "--json", *arguments))
    return {one["setting"]: (one["value"], one["from"]) for one in found}


def test_each_value_says_where_it_comes_from(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "onhook.toml"
    file.write_text('max_calls = 9\nidle_s = 30\ntrusted_peers = ["10.0.0.0/8"]\n')
    monkeypatch.setenv("ONHOOK_IDLE_S", "60")
    monkeypatch.setenv("ONHOOK_DATABASE_URL", "postgresql://me:secret@db.example/onhook")
    found = shown(run, "--config", str(file))
    assert set(found) == set(Settings.model_fields)
    assert found["max_calls"] == ("9", f"file {file}")
    assert found["trusted_peers"] == ("10.0.0.0/8", f"file {file}")
    assert found["idle_s"] == ("60.0", "variable ONHOOK_IDLE_S")
    assert found["config"] == (str(file), "option --config")
    assert found["data"][1] == "variable ONHOOK_DATA"
    assert found["database_url"] == ("(secret)", "variable ONHOOK_DATABASE_URL")
    assert found["rtp_ports"] == ("20000-29999", "default")
    assert found["sip"] == ("127.0.0.1:5060", "default")
    text = run("config", "show", "--config", str(file))
    assert "secret@" not in text
    changed = run("config", "show", "--config", str(file), "--changed")
    assert "max_calls" in changed
    assert "rtp_ports" in text
    assert "rtp_ports" not in changed


def test_a_setting_that_cannot_be_used_is_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONHOOK_MAX_CALLS", "many")
    assert "ONHOOK_MAX_CALLS" in run("config", "show", ok=False)


def test_a_value_is_not_broken_by_where_it_comes_from(run: Run) -> None:
    """Which variable it is follows from its name: on a narrow terminal it is left out."""
    data = Path(tempfile.mkdtemp(prefix="")) / "data"  # short enough for one line
    lines = on_terminal(80, data, "config", "show", "--changed").splitlines()
    assert [line.split() for line in lines[1:]] == [["data", str(data), "variable"]]
    assert "variable ONHOOK_DATA" in run("config", "show", "--changed")


def test_sip_is_the_same_however_it_is_written(run: Run, tmp_path: Path) -> None:
    here = load(sip="127.0.0.1:5060", data=tmp_path)
    both = load(sip="udp:127.0.0.1:5060,tcp:127.0.0.1:5060", data=tmp_path)
    other = load(sip="udp:127.0.0.1:5060", data=tmp_path)
    assert other_of(here, both, "sip") == ""
    assert other_of(here, other, "sip") == "udp:127.0.0.1:5060"
