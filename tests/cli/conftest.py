"""Commands, run on a data directory of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from onhook.cli.main import app
from onhook.store import Keyring

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a data directory in which there is nothing yet; returns what it said."""
    Keyring.open(tmp_path / "data")
    monkeypatch.setenv("ONHOOK_DATA", str(tmp_path / "data"))

    def invoke(*arguments: str, ok: bool = True) -> str:
        ended = CliRunner().invoke(app, arguments)
        assert ended.exception is None or isinstance(ended.exception, SystemExit)
        assert (ended.exit_code == 0) == ok, ended.stderr
        if ok:
            return ended.stdout
        assert ended.stderr.startswith("onhook: ")
        assert len(ended.stderr.strip().splitlines()) == 1
        return ended.stderr

    return invoke
