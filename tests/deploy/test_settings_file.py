"""deploy/onhook.toml can be used as it is, and each of its examples by itself."""

import re
import tomllib
from pathlib import Path

import pytest

from deploy.containerfile import DEPLOY
from onhook.server.settings import load

FILE = DEPLOY / "onhook.toml"
EXAMPLES = re.findall(r"^# (\w+ = .+)$", FILE.read_text(), re.MULTILINE)


def test_it_can_be_used_as_it_is() -> None:
    settings = load(config=FILE)
    assert settings.http == ("127.0.0.1", 8080)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_used(example: str, tmp_path: Path) -> None:
    file = tmp_path / "onhook.toml"
    [(name, value)] = tomllib.loads(example).items()
    before = FILE.read_text().splitlines()
    others = [line for line in before if not line.startswith(f"{name} =")]
    file.write_text("\n".join([*others, example]))
    assert getattr(load(config=file), name) == getattr(load(**{name: value}), name)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 10
