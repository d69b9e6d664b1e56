"""The unit file for systemd says what the command has."""

from pathlib import Path

from typer.testing import CliRunner

from onhook.cli.main import app
from onhook.server.settings import Settings
from onhook.server.settings_names import PREFIX

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "onhook.service"


def _values(key: str) -> list[str]:
    lines = UNIT.read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def test_it_starts_and_reloads_by_commands_that_there_are() -> None:
    for key in ("ExecStart", "ExecReload"):
        [line] = _values(key)
        command = line.split()[1:]
        assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0


def test_its_variables_are_settings() -> None:
    [line] = _values("Environment")
    names = [each.partition("=")[0].removeprefix(PREFIX).lower() for each in line.split()]
    assert set(names) <= set(Settings.model_fields)


def test_it_waits_for_longer_than_an_orderly_end_may_take() -> None:
    from onhook.server.supervisor import supervisor

    longest_s = (
        Settings.model_fields["drain_s"].default + supervisor._SWITCH_LAST_S + supervisor._LAST_S
    )
    [line] = _values("TimeoutStopSec")
    assert float(line) > longest_s
