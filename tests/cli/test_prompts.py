"""``onhook prompt warm``."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from onhook.cli.errors import CommandError
from onhook.cli.main import app
from onhook.cli.prompts import read
from onhook.store import Keyring

SECRET = "Top secret"


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    """A data directory in which there is nothing yet."""
    Keyring.open(tmp_path)


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    """The command silences the log of its process and closes its files to others."""
    mask = os.umask(0)
    os.umask(mask)
    yield
    os.umask(mask)
    structlog.reset_defaults()


def warm(data: Path, file: Path | str, *options: str, stdin: str = "") -> Result:
    command = ["prompt", "warm", str(file), "--data", str(data), *options]
    return CliRunner().invoke(app, command, input=stdin)


def prompts(data: Path) -> set[str]:
    return {path.name for path in (data / "prompts").glob("*.g711")}


def test_messages_of_a_text_file(tmp_path: Path) -> None:
    file = tmp_path / "messages.txt"
    spoken = '<speech language="de">Guten Tag</speech>'
    file.write_text(f"Good morning.\n\n{spoken}\nGood morning.\n")
    done = warm(tmp_path, file)
    assert done.exit_code == 0, done.output
    assert done.stdout == "3 messages are ready, 0 cannot be made.\n"
    made = prompts(tmp_path)
    assert len(made) == 2
    assert warm(tmp_path, "-", stdin=f"{spoken}\n").exit_code == 0
    assert prompts(tmp_path) == made


def test_the_voices_of_an_engine_speak(tmp_path: Path) -> None:
    msg = '<speech language="nl">Goedemorgen</speech>'
    assert warm(tmp_path, "-", "--voice", "espeak", stdin=f"{msg}\n").exit_code == 0
    made = prompts(tmp_path)
    assert len(made) == 1
    assert warm(tmp_path, "-", stdin=f"{msg}\n").exit_code == 0
    assert prompts(tmp_path) == made  # it is the same voice


def test_an_engine_that_is_not_here_is_told(tmp_path: Path) -> None:
    done = warm(tmp_path, "-", "--voice", "hal", stdin="Good morning\n")
    assert done.exit_code == 1
    assert "no engine 'hal'" in done.stderr
    assert "espeak" in done.stderr
    assert prompts(tmp_path) == set()


def test_what_cannot_be_made_is_told_and_the_rest_is_made(tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    lines = [
        {"msg": "Good morning.", "comment": "for the shop"},
        '<speech language="th">x</speech>',
        {"msg": f"{SECRET} <url>http://127.0.0.1:1/a.wav</url>"},
        f"{SECRET} & < more",
        "x" * 1001,
        "<url>ftp://x/a.wav</url>",
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    done = warm(tmp_path, file, "--json")
    assert done.exit_code == 1
    assert SECRET not in done.output
    told = json.loads(done.stdout)
    assert told["ready"] == 1
    assert [(one["line"], one["status"]) for one in told["failures"]] == [
        (2, "error_msg_invalid_language"),
        (3, "error_msg_download_failed"),
        (4, "error_msg_invalid_xml"),
        (5, "error_msg_invalid_length"),
        (6, "error_msg_invalid_url"),
    ]
    assert all(len(one["detail"]) > 20 for one in told["failures"])
    table = warm(tmp_path, file)
    assert "line 2: error_msg_invalid_language: " in table.stdout
    assert table.stdout.endswith("1 messages are ready, 5 cannot be made.\n")


@pytest.mark.parametrize("line", ["{", "7", "[]", '{"message": "x"}', '{"msg": 7}'])
def test_a_line_that_is_no_message_stops_it_all(tmp_path: Path, line: str) -> None:
    file = tmp_path / "messages.jsonl"
    file.write_text(f'"Hello"\n{line}\n')
    done = warm(tmp_path, file)
    assert done.exit_code == 1
    assert "line 2: " in done.stderr
    assert not (tmp_path / "prompts").exists()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        list(read(tmp_path / "none.txt"))
    latin = tmp_path / "latin.txt"
    latin.write_bytes("caf\u00e9".encode("latin-1"))
    with pytest.raises(CommandError, match="UTF-8"):
        list(read(latin))
    windows = tmp_path / "windows.txt"
    windows.write_bytes("\ufeffHello\r\n \r\nBye\r\n".encode())
    assert [(line.number, line.msg) for line in read(windows)] == [(1, "Hello"), (3, "Bye")]


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    done = warm(tmp_path / "none", "-", stdin="Hello\n")
    assert done.exit_code == 1
    assert "--data" in done.stderr
