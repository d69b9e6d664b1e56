"""The commands of the pages on trunks, in their order, as they stand there."""

import json
import re
import shlex
from pathlib import Path

import pytest

from cli.conftest import Run
from cli.test_carrier_pages import parse
from onhook.cli import serving

DOCS = Path(__file__).parents[2] / "docs"
_COMMAND = re.compile(r"^ {4}((?:[A-Z_]+=\S+ )?onhook (?:trunk|serve) .*)$", re.MULTILINE)
_TABLES = re.compile(r"^ {4}\[\w+\]\n(?:(?: {4}.*)?\n)+", re.MULTILINE)


@pytest.mark.parametrize("page", ["trunks.md", "operating.md", "transports.md"])
def test_the_commands_of_a_page_are_taken(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str
) -> None:
    """What would ask the carrier is only read; the file that is loaded is the one of the page."""
    served: list[object] = []
    monkeypatch.setattr(serving, "serve", lambda settings, _: served.append(settings))
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text(encoding="utf-8")
    for tables in _TABLES.findall(text)[:1]:
        Path("trunks.toml").write_text(re.sub("^    ", "", tables, flags=re.MULTILINE))
    lines = _COMMAND.findall(text)
    for line in lines:
        words = shlex.split(line)
        at = words.index("onhook")
        with monkeypatch.context() as only:
            for name, value in (word.split("=", 1) for word in words[:at]):
                only.setenv(name, value)
            if words[at + 1 : at + 3] == ["trunk", "test"]:
                parse(words[at + 1 :])
                known = json.loads(run("trunk", "list", "--json"))
                assert words[-1] in [one["trunk"] for one in known]
            else:
                run(*words[at + 1 :])
    assert bool(served) == any("onhook serve" in line for line in lines)
    assert lines
