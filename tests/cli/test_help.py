"""What the command says of itself."""

import pytest
from typer.testing import CliRunner, Result

from onhook.cli.main import app

GROUPS = ("", "app", "app token", "number", "account", "rate", "trunk", "operator", "prompt", "calls",
          "notifications", "voice", "call", "config")  # fmt: skip


def helped(group: str) -> Result:
    return CliRunner().invoke(app, [*group.split(), "--help"], terminal_width=80)


@pytest.mark.parametrize("group", GROUPS)
def test_each_command_of_a_group_has_its_sentence_whole(group: str) -> None:
    lines = helped(group).stdout.splitlines()
    commands = lines[lines.index("Commands:") :]
    assert "..." not in "\n".join(commands)
    assert max(map(len, lines)) <= 80


def test_the_server_is_the_first_thing_that_is_told_of() -> None:
    commands = helped("").stdout.partition("Commands:\n")[2].splitlines()
    assert commands[0].split()[0] == "serve"
