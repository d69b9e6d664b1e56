"""`onhook init`: what is asked, what is written, and what is left as it is."""

import asyncio
import json
import os
import runpy
import shutil
import stat
import subprocess
import sys
import tempfile
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.terminal import on_terminal
from onhook.administration.errors import NotPossible
from onhook.cli import opening
from onhook.cli.beginning.begin import APPLICATION, SECRETS, SETTINGS, UNIT
from onhook.cli.beginning.unit_file import Place, hidden, unit_text
from onhook.cli.main import app
from onhook.server.settings import load
from onhook.simulator import Phone, Simulator
from onhook.store import Application
from onhook.store.applications import all_applications
from onhook.store.keyring import token_hash
from onhook.store.numbers import all_numbers

ROOT = Path(__file__).parents[2]
ANSWERS = "127.0.0.1:15060\n127.0.0.0/8,10.1.0.0/16\n127.0.0.1:18080\n+49 30 123456\nhttp://10.0.0.7:9001/calls\n"
WRITTEN = (SETTINGS, UNIT, APPLICATION, SECRETS)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONHOOK_DATA", raising=False)


def init(here: Path, *options: str, typed: str = "") -> Result:
    """The command, with its files and data below a directory."""
    command = ["init", str(here), "--data", str(here / "data"), *options]
    return CliRunner().invoke(app, command, input=typed)


def stored(data: Path) -> tuple[list[Application], list[tuple[str, str, str]]]:
    """The applications of a data directory; its numbers, whose they are, and where they are told."""

    async def look() -> tuple[list[Application], list[tuple[str, str, str]]]:
        async with opening.opened_store(data) as store:
            owned = await all_numbers(store)
            return (
                list(await all_applications(store)),
                [(one.number, one.app_id, one.forward_to) for one in owned],
            )

    return asyncio.run(look())


def secrets(here: Path) -> dict[str, str]:
    return tomllib.loads((here / SECRETS).read_text())


def test_five_answers_make_all_that_a_first_call_needs(tmp_path: Path) -> None:
    done = init(tmp_path, typed=ANSWERS)
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("]: ") == 5
    settings = load(config=tmp_path / SETTINGS)
    assert [str(each) for each in settings.sip] == ["127.0.0.1:15060"]
    assert settings.http == ("127.0.0.1", 18080)
    assert settings.data == tmp_path / "data"
    assert [str(each) for each in settings.trusted_peers] == ["127.0.0.0/8", "10.1.0.0/16"]
    assert [str(each) for each in settings.allowed_networks] == ["10.0.0.7/32"]
    assert settings.country == "DE"
    [application], [number] = stored(tmp_path / "data")
    assert number == ("+4930123456", application.app_id, "http://10.0.0.7:9001/calls")
    told = secrets(tmp_path)
    assert told["app_id"] == application.app_id
    assert token_hash(told["access_token"]) == application.token_hash
    assert (told["api"], told["listen"]) == ("http://127.0.0.1:18080", "10.0.0.7:9001")
    for name, mode in ((SECRETS, 0o600), (SETTINGS, 0o644)):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "data").iterdir()]
    assert [mode & 0o077 for mode in modes] == [0] * len(modes)
    assert "dial sip:+4930123456@127.0.0.1:15060 " in done.stdout


def test_the_settings_keep_the_comments_and_examples_of_the_one_that_is_shipped(
    tmp_path: Path,
) -> None:
    assert init(tmp_path, "--yes").exit_code == 0
    shipped = (ROOT / "deploy/onhook.toml").read_text().splitlines()
    ours = (tmp_path / SETTINGS).read_text().splitlines()
    changed = [new for old, new in zip(shipped, ours, strict=True) if old != new]
    assert {line.split(" = ")[0] for line in changed} == {
        *("sip", "data", "trusted_peers", "allowed_networks", "country"),
    }


@pytest.mark.parametrize("typed", ["", "\n", "\n\n\n\n\n"], ids=["nothing", "one line", "five"])
def test_what_is_not_answered_is_as_proposed(tmp_path: Path, typed: str) -> None:
    done = init(tmp_path, typed=typed)
    assert done.exit_code == 0, done.stderr
    settings = load(config=tmp_path / SETTINGS)
    assert [str(each) for each in settings.sip] == ["0.0.0.0:5080"]
    assert [str(each) for each in settings.allowed_networks] == ["127.0.0.0/8", "::1/128"]
    assert "127.0.0.0/8" in map(str, settings.trusted_peers)
    assert stored(tmp_path / "data")[1][0][::2] == ("+6531234567", "http://127.0.0.1:9000/")


def test_options_are_answers_and_yes_asks_nothing(tmp_path: Path) -> None:
    options = ("--sip", "127.0.0.1:15062", "--trusted-peers", "127.0.0.0/8", "--http", "[::1]:18081",
               "--number", "+6598765432", "--forward-to", "http://localhost/", "--name", "shop")  # fmt: skip
    done = init(tmp_path, *options, "--yes", typed="nonsense\n")
    assert (done.exit_code, done.stderr.count("]: ")) == (0, 0)
    [application], [number] = stored(tmp_path / "data")
    assert (application.name, number[0]) == ("shop", "+6598765432")
    assert secrets(tmp_path)["api"] == "http://[::1]:18081"
    assert secrets(tmp_path)["listen"] == "127.0.0.1:80"
    assert "option" not in init(tmp_path / "other", *options).stderr
    assert init(tmp_path / "another", *options, typed="").stderr.count("]: ") == 0


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("nowhere\n", "--sip cannot be used"),
        ("\nlocal\n", "--trusted-peers cannot be used"),
        ("\n\n8080\n", "--http cannot be used"),
        ("\n\n\n12\n", "is not a phone number"),
        ("\n\n\n\nftp://x/\n", "--forward-to cannot be used"),
    ],
)
def test_an_answer_that_cannot_be_used_is_one_sentence_and_nothing_is_made(
    tmp_path: Path, typed: str, sentence: str
) -> None:
    done = init(tmp_path, typed=typed)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith("onhook: ")
    assert sentence in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_whoever_sits_at_a_terminal_is_asked_again(tmp_path: Path) -> None:
    typed = "nowhere\n127.0.0.1:15063\n\n\n\n\n"
    said = on_terminal(80, tmp_path / "data", "init", str(tmp_path), typed=typed)
    assert said.count("--sip cannot be used") == 1
    assert [str(each) for each in load(config=tmp_path / SETTINGS).sip] == ["127.0.0.1:15063"]


def test_typed_bytes_that_are_no_text_are_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "onhook", "init", str(tmp_path)],
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        input=b"\xff\xfe\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"onhook: What was typed is not text" in done.stderr


def test_nothing_is_replaced_unless_that_is_said(tmp_path: Path) -> None:
    (tmp_path / SETTINGS).write_text("mine")
    done = init(tmp_path, "--yes")
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert f"{tmp_path / SETTINGS} would be replaced: say --replace" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == [SETTINGS]
    assert (tmp_path / SETTINGS).read_text() == "mine"
    done = init(tmp_path, "--yes", "--replace")
    assert done.exit_code == 0
    assert f"replaced {tmp_path / SETTINGS}\n" in done.stdout
    assert f"wrote {tmp_path / UNIT}\n" in done.stdout


@pytest.mark.parametrize("reply", ["y\n", "n\n"])
def test_at_a_terminal_it_is_asked_before_anything_is_replaced(tmp_path: Path, reply: str) -> None:
    (tmp_path / APPLICATION).write_text("mine")
    status = 0 if reply == "y\n" else 1
    typed = f"{reply}\n\n\n\n\n"
    said = on_terminal(80, tmp_path / "data", "init", str(tmp_path), typed=typed, status=status)
    assert "will be replaced. Go on? [y/N]" in said.replace("\n", "")
    assert ((tmp_path / APPLICATION).read_text() == "mine") == (status == 1)
    assert ("Nothing was changed." in said) == (status == 1)


def test_a_number_that_is_there_keeps_its_application(tmp_path: Path) -> None:
    assert init(tmp_path, "--yes").exit_code == 0
    before = secrets(tmp_path)
    again = init(tmp_path, "--yes", "--replace", "--forward-to", "http://127.0.0.1:9005/")
    assert again.exit_code == 0, again.stderr
    assert f"was there before, and rings for its application {before['app_id']}" in again.stdout
    assert secrets(tmp_path) == before | {
        "url": "http://127.0.0.1:9005/",
        "listen": "127.0.0.1:9005",
    }
    applications, [number] = stored(tmp_path / "data")
    assert (len(applications), number[2]) == (1, "http://127.0.0.1:9005/")


def test_a_directory_that_cannot_be_written_to_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = ["init", str(tmp_path / "file"), "--data", str(tmp_path / "data"), "--yes"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert "cannot be written to" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_data_are_made_by_whoever_is_to_make_them_only(tmp_path: Path) -> None:
    async def look() -> None:
        async with opening.opened_store(tmp_path / "none"):
            raise AssertionError("it was opened")

    with pytest.raises(NotPossible):
        asyncio.run(look())


PLACE = Place(Path("/opt/other/bin/onhook"), Path("/srv/my calls/onhook.toml"), Path("/srv/100%"),
              "mei", "people")  # fmt: skip
OF_THE_PLACE = {"ExecStart", "ExecReload", "Environment", "User", "Group", "WorkingDirectory",
                "StateDirectory", "StateDirectoryMode", "ReadWritePaths"}  # fmt: skip


def options(unit: str) -> list[tuple[str, str]]:
    lines = (line.partition("=") for line in unit.splitlines() if not line.startswith("#"))
    return [(key, value) for key, _, value in lines if value or key]


def test_the_unit_takes_away_what_the_shipped_one_does() -> None:
    shipped = options((ROOT / "deploy/systemd/onhook.service").read_text())
    ours = options(unit_text(PLACE))
    assert [each for each in ours if each[0] not in OF_THE_PLACE] == [
        each for each in shipped if each[0] not in OF_THE_PLACE
    ]
    told = dict(ours)
    assert told["ExecStart"] == "/opt/other/bin/onhook serve"
    assert told["ExecReload"] == "/opt/other/bin/onhook reload"
    assert told["Environment"] == '"ONHOOK_CONFIG=/srv/my calls/onhook.toml" ONHOOK_DATA=/srv/100%%'
    assert (told["User"], told["Group"]) == ("mei", "people")
    assert told["ReadWritePaths"] == told["WorkingDirectory"] == "/srv/100%%"
    assert "StateDirectory" not in told


def test_the_unit_of_the_usual_place_is_the_shipped_one() -> None:
    usual = Place(Path("/opt/onhook/bin/onhook"), Path("/etc/onhook.toml"), Path("/var/lib/onhook"),
                  "onhook", "onhook")  # fmt: skip
    assert options(unit_text(usual)) == options(
        (ROOT / "deploy/systemd/onhook.service").read_text()
    )
    assert hidden(usual) == []


def test_what_a_service_would_not_see_is_said() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as here:
        done = init(Path(here), "--yes")
    assert f"a service does not see {here}/{SETTINGS}, {here}/data." in done.stdout


def test_the_files_of_deploy_are_shipped_as_they_are() -> None:
    package = files("onhook.cli.beginning")
    for name, path in ((SETTINGS, "onhook.toml"), (UNIT, "systemd/onhook.service")):
        assert (package / name).read_text() == (ROOT / "deploy" / path).read_text()


@pytest.fixture
def first(tmp_path: Path, onhook_simulator: Simulator) -> Phone:
    """Phones of those who call the first application."""
    shutil.copy(str(files("onhook.cli.beginning") / APPLICATION), tmp_path)
    environment = onhook_simulator.environment
    lines = {
        "api": environment["ONHOOK_API"],
        "url": onhook_simulator.ivr_url,
        "listen": "127.0.0.1:9000",
        "app_id": environment["APP_ID"],
        "access_token": environment["ACCESS_TOKEN"],
    }
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
    (tmp_path / SECRETS).write_text(text)
    onhook_simulator.serve(runpy.run_path(str(tmp_path / APPLICATION))["Application"])
    onhook_simulator.begin_anew()
    return Phone(onhook_simulator)


def test_the_first_application_has_a_menu(first: Phone) -> None:
    menu = "Press 1 for our opening hours, or 2 to hear from which number you call."
    call = first.call("+6531234567", caller="+6591110000")
    call.hears(f"Welcome. This is your first application. {menu}")
    call.press("1")
    call.hears("We are open on weekdays from nine to six, and on Saturdays until noon.")
    call.hears(menu)
    call.press("2")
    call.hears("You call from +6591110000.")
    call.hears(menu)
    call.press("7")
    call.is_hung_up_after("Thank you for calling. Good bye.")
