"""The settings file: ``deploy/onhook.toml``, with its comments, and with the answers in their places."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files

Value = str | Sequence[str]


def settings_text(values: Mapping[str, Value]) -> str:
    """The file with these values: each where its setting stands already, or stands as an example."""
    text = (files("onhook.cli.beginning") / "onhook.toml").read_text(encoding="utf-8")
    for name, value in values.items():
        place = re.search(rf"^(?:# )?{name} = .*$", text, re.MULTILINE)
        if place is None:
            raise LookupError(f"onhook.toml has no place for {name}")
        text = f"{text[: place.start()]}{toml_line(name, value)}{text[place.end() :]}"
    return text


def toml_line(name: str, value: Value) -> str:
    """``name = value``: strings of JSON are strings of TOML too."""
    written = value if isinstance(value, str) else list(value)
    return f"{name} = {json.dumps(written, ensure_ascii=False)}"
