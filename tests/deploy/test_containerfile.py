"""The Containerfile says what the command has, and copies what there is."""

import json

import pytest

from deploy.containerfile import ROOT, Instruction, instructions, is_sent, last_stage
from onhook.server.settings import Settings
from onhook.server.settings_names import PREFIX


def _only(name: str) -> Instruction:
    [found] = [each for each in last_stage() if each.name == name]
    return found


def test_what_it_copies_is_there_and_sent_to_the_build() -> None:
    copied = [each for each in instructions() if each.name == "COPY" and "from" not in each.flags]
    paths = [path for each in copied for path in each.arguments[:-1]]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists() or not is_sent(path)] == []


@pytest.mark.parametrize("path", ["src/onhook/media/_plane.c", "src/onhook/media/_plane.abi3.so",
                                  ".venv/bin/onhook", "deploy/secrets/pgpass", ".git/config"])  # fmt: skip
def test_what_was_built_here_and_what_is_secret_stays_outside(path: str) -> None:
    assert not is_sent(path)


def test_packages_are_installed_with_their_hashes_or_without_the_index() -> None:
    installs = [each.rest for each in instructions() if "pip install" in each.rest]
    assert len(installs) == 2
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


def test_it_runs_as_an_ordinary_user_by_number() -> None:
    user, _, group = _only("USER").rest.partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_its_variables_are_settings() -> None:
    names = [word.split("=")[0] for word in _only("ENV").arguments]
    ours = {name.removeprefix(PREFIX).lower() for name in names if name.startswith(PREFIX)}
    assert ours
    assert ours <= set(Settings.model_fields)


def test_it_exposes_where_the_server_listens_by_default() -> None:
    ports = set(_only("EXPOSE").arguments)
    http = Settings.model_fields["http"].default
    [sip] = Settings.model_fields["sip"].default
    assert ports == {f"{http[1]}/tcp", f"{sip.port}/udp", f"{sip.port}/tcp"}


def test_it_starts_and_stops_as_the_command_does() -> None:
    assert json.loads(_only("ENTRYPOINT").rest) == ["onhook"]
    assert json.loads(_only("CMD").rest) == ["serve"]
    assert _only("STOPSIGNAL").rest == "SIGTERM"


def test_the_data_directory_is_its_volume() -> None:
    assert _only("VOLUME").rest == "/var/lib/onhook"
    assert "ONHOOK_DATA=/var/lib/onhook" in _only("ENV").arguments
