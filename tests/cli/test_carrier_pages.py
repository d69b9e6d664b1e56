"""The pages on carriers: their commands are taken as they stand, and --like fills in what they say."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli.conftest import Run
from onhook.administration.trunk_options import OPTIONS
from onhook.administration.trunk_presets import all_presets
from onhook.cli import serving
from onhook.cli.main import app

PAGES = Path(__file__).parents[2] / "docs" / "carriers"
SOURCE = Path(__file__).parents[2] / "src" / "onhook"
PRESETS = all_presets()
NAMES = sorted(page.name for page in PAGES.glob("*.md") if page.name != "README.md")
PLACEHOLDERS = {"NETWORKS": "192.0.2.0/24,198.51.100.1", "ADDRESS": "192.0.2.53"}
"""Those that have to be more than a name."""
_COMMAND = re.compile(
    r"^ {4}((?:[A-Z_]+=\S+ )?onhook .*)$|`(onhook (?:trunk|serve|doctor) [^`]*)`", re.MULTILINE
)


def read(page: str) -> str:
    return (PAGES / page).read_text(encoding="utf-8")


def commands(page: str) -> list[tuple[dict[str, str], list[str]]]:
    """Variables and arguments of each command line of a page."""
    found = []
    for block, inline in _COMMAND.findall(read(page)):
        words = shlex.split(block or inline)
        for written, here in PLACEHOLDERS.items():
            words = [word.replace(written, here) if word == written else word for word in words]
        at = words.index("onhook")
        found.append((dict(word.split("=", 1) for word in words[:at]), words[at + 1 :]))
    return found


def parse(arguments: list[str]) -> None:
    """As the real command reads them; nothing is done. A UsageError says what is not an option."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[arguments[0]]
        arguments = arguments[1:]
    command.make_context(command.name, list(arguments))


@pytest.mark.parametrize("page", NAMES)
def test_the_commands_of_a_page_are_taken(
    run: Run, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    """In their order, by the real commands. What would ask the carrier is only read."""
    served = []
    monkeypatch.setattr(serving, "serve", lambda settings, _: served.append(settings))
    made = commands(page)
    for variables, arguments in made:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        if arguments[0] == "doctor" or arguments[:2] == ["trunk", "test"]:
            parse(arguments)
            name = arguments[-1]
            assert name in [one["trunk"] for one in json.loads(run("trunk", "list", "--json"))]
        else:
            run(*arguments)
        for name in variables:
            monkeypatch.delenv(name)
    said = [arguments[:2] for _, arguments in made]
    for needed in (["trunk", "add"], ["trunk", "test"], ["doctor", "--trunk"]):
        assert needed in said
    assert served


def test_each_carrier_has_its_page_and_each_page_its_carrier() -> None:
    assert {one.page for one in PRESETS.values()} == {f"docs/carriers/{page}" for page in NAMES}
    index = read("README.md")
    for name, known in PRESETS.items():
        assert f"`{name}`" in index
        assert f"]({Path(known.page).name})" in index


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_filled_in_stands_on_the_page(name: str) -> None:
    known = PRESETS[name]
    text = " ".join(read(Path(known.page).name).split())
    assert f"--like {name}" in text
    for option, value in known.options.items():
        flag = OPTIONS[option].flag
        assert flag in text
        match value:
            case True | "{username}":
                pass
            case list() if option == "inbound":
                assert not [one for one in value if one not in text]
            case list():
                assert f"{flag} {','.join(value)}" in text
            case _:
                assert f"{flag} {value}" in text


@pytest.mark.parametrize("page", NAMES)
def test_the_log_says_what_a_page_has_it_say(page: str) -> None:
    named = set(re.findall(r"`((?:sip|trunk|call|media|one_way)_[a-z_]+)`", read(page)))
    told = named - {"sip_code", "sip_reason"}
    assert told
    source = "".join(file.read_text(encoding="utf-8") for file in SOURCE.rglob("*.py"))
    assert not [event for event in told if f'"{event}"' not in source]


@pytest.mark.parametrize("page", NAMES)
def test_a_page_says_when_it_was_written_and_what_was_tried(page: str) -> None:
    text = " ".join(read(page).split())
    assert re.search(r"\b2026-11-\d\d\b", text)
    assert re.search(
        r"Not tried on the live service|(?:was|were) read from this page and run|was not run", text
    )
