"""What begins with ``onhook`` on a page is a command with such options."""

import json
import re
import shlex
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from onhook.cli.main import app
from pages.reading import PAGES, blocks, name, spoken

_BEGIN = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S* )*(?:\S*bin/)?onhook(?= [a-z-]|$)")
_NOT_COMMANDS = frozenset({"onhook ready", "onhook listening"})
"""What the server prints."""


@cache
def _root() -> Any:
    return typer.main.get_command(app)


def commands(page: Path) -> Iterator[list[str]]:
    """The words behind ``onhook`` of each command on a page; what a shell would do with them is left out."""
    for line in spoken(page.read_text(encoding="utf-8")):
        found = _BEGIN.match(line)
        if not found or line.startswith(tuple(_NOT_COMMANDS)):
            continue
        rest = re.sub(r"\s#.*", "", line[found.end() :])
        rest = re.split(r"\s(?:[|&;<>]|>>|&&|2>)(?:\s|$)", rest)[0]
        yield shlex.split(rest.replace("'", "") if rest.count("'") % 2 else rest)


def wrong(words: list[str]) -> str:
    """What is wrong with a command: a name or an option that is not there; empty if nothing is."""
    command = _root()
    flags = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
    flags |= {"--help", "--version", "--install-completion", "--show-completion"}
    for word in words:
        if hasattr(command, "commands") and not word.startswith("-"):
            several = word.split("|")  # as `calls why|trace SESSION`
            missing = [one for one in several if one not in command.commands]
            if missing:
                return f"no command {missing[0]!r}"
            command = command.commands[several[0]]
            flags |= {
                flag for param in command.params for flag in (*param.opts, *param.secondary_opts)
            }
        elif word.startswith("--") and word.partition("=")[0] not in flags:
            return f"no option {word!r}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_those_of_the_command_line(page: Path) -> None:
    assert not [f"onhook {' '.join(one)}: {wrong(one)}" for one in commands(page) if wrong(one)]


def test_many_are_found() -> None:
    assert sum(len(list(commands(page))) for page in PAGES) > 200


@pytest.mark.parametrize(
    ("typed", "missing"),
    [
        ("calls shows SESSION", "shows"),
        ("serve --sipp 0.0.0.0", "--sipp"),
        ("app token delete", "delete"),
        ("calls why|trac SESSION", "trac"),
        ("number list --prefix=+65", "--prefix"),
    ],
)
def test_what_is_not_there_is_found(typed: str, missing: str) -> None:
    assert missing in wrong(typed.split())


@pytest.mark.parametrize("language", ["python", "json"])
@pytest.mark.parametrize("page", PAGES, ids=name)
def test_samples_can_be_read(page: Path, language: str) -> None:
    """What else runs them has tests of its own; nothing that is no Python stands on any page."""
    for block in blocks(page.read_text(encoding="utf-8"), language):
        if language == "python":
            compile(block, name(page), "exec", flags=PyCF_ALLOW_TOP_LEVEL_AWAIT)
        else:
            json.loads(block)
