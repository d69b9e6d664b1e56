"""What has no entry in a registry is refused when the program is loaded, not met when somebody calls."""

import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from onhook.api import account_api
from onhook.api.account_api import AccountApi
from onhook.blocks import ENDPOINTS, REQUESTS, BlockRequest, Endpoint, parsing
from onhook.call import works
from onhook.calls import performer, switchboard
from onhook.calls.switchboard import Switchboard
from onhook.registry import complete

REGISTRIES = [
    (works, re.compile(r"^ +_for\((\w+), .*\),\n", re.MULTILINE)),
    (parsing, re.compile(r"^ +(Kind\.\w+): _\w+,\n", re.MULTILINE)),
    (performer, re.compile(r"^ +(effects\.\w+): Performer\.\w+,\n", re.MULTILINE)),
]
"""Modules with a registry, and the lines of its entries."""


def source_of(module: ModuleType) -> str:
    assert module.__file__ is not None
    return Path(module.__file__).read_text(encoding="utf-8")


def load(source: str) -> None:
    """As an import would."""
    exec(compile(source, "changed.py", "exec"), {"__name__": "changed"})


ENTRIES = [
    pytest.param(module, entry.group(), id=entry.group(1))
    for module, pattern in REGISTRIES
    for entry in pattern.finditer(source_of(module))
]


def test_every_registry_has_its_entries_here() -> None:
    assert len(ENTRIES) > len(REQUESTS) + 20


@pytest.mark.parametrize(("module", "entry"), ENTRIES)
def test_without_one_of_its_entries_a_module_cannot_be_imported(
    module: ModuleType, entry: str
) -> None:
    source = source_of(module)
    load(source)
    with pytest.raises(TypeError, match=r"^no (work|reader|performer) for "):
        load(source.replace(entry, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class LonelyRequest(BlockRequest):
    """Asks for something that nobody does."""


def test_a_request_that_nobody_carries_out_is_no_session_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(switchboard, "REQUESTS", (*REQUESTS, LonelyRequest))
    placing = SimpleNamespace(dial=None, call=None, conference=None)
    nobody = cast(Any, None)
    with pytest.raises(TypeError, match="no act for LonelyRequest"):
        Switchboard(nobody, nobody, cast(Any, placing))


def test_an_endpoint_that_nobody_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lonely = Endpoint(path="user/lonely", summary="", doc="", params=())
    monkeypatch.setattr(account_api, "ENDPOINTS", (*ENDPOINTS, lonely))
    nobody = cast(Any, None)
    with pytest.raises(TypeError, match="no answer for user/lonely"):
        AccountApi(nobody, nobody, nobody, nobody, nobody)


def test_an_entry_for_what_does_not_exist_is_refused() -> None:
    assert complete("work", [1], {1: "a"}) == {1: "a"}
    with pytest.raises(TypeError, match="a work for what does not exist: 2"):
        complete("work", [1], {1: "a", 2: "b"})
