"""What a trace remembers of a call, as it was met, and the entries that are made of it.

Calls only put tuples aside. What takes longer (masking, JSON, texts) is done when the entries are read, which
is in the thread that writes them.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from onhook.blocks.statuses import SUCCESS
from onhook.media.measured import Measured
from onhook.phone.masking import masked
from onhook.phone.message import Address
from onhook.store.traces import Entry

Reply: TypeAlias = tuple[str, Mapping[str, object]]
"""What was asked, and what it was answered with."""
State: TypeAlias = tuple[str, str, str]
"""The state of a call, and its block; or who ended it, and the cause."""
Said: TypeAlias = bytes | str | State | Reply | Measured | Callable[[], str]
Met: TypeAlias = tuple[int, str, str | Address, Said]
"""Nanoseconds since the epoch; then as an Entry has them. A SIP message is not masked yet; what can be called
says its text then."""

_SECRET: Final = re.compile(r"token|secret|password|key|auth", re.IGNORECASE)
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)


class Entries:
    """Those of one part of a trace; each reading makes them anew."""

    __slots__ = ("_met",)

    def __init__(self, met: Sequence[Met]) -> None:
        self._met = met

    def __iter__(self) -> Iterator[Entry]:
        return map(_entry_of, self._met)

    def __len__(self) -> int:
        return len(self._met)


def _entry_of(met: Met) -> Entry:
    at_ns, kind, whom, said = met
    peer = whom if isinstance(whom, str) else _written(whom[0], whom[1])
    return Entry(at_ns // 1000, kind, peer, _bytes_of(kind, said))


def _bytes_of(kind: str, said: Said) -> bytes:
    if isinstance(said, bytes):
        return masked(said) if kind.startswith("sip") else said
    if isinstance(said, Measured):
        return said.packed()
    return _text_of(said).encode("utf-8", "replace")


def _text_of(said: str | State | Reply | Callable[[], str]) -> str:
    if isinstance(said, str):
        return said
    if not isinstance(said, tuple):
        return said()
    if len(said) == 3:
        return " ".join(said).rstrip()
    what, reply = said
    return f"{what}: {_JSON.encode({'status': SUCCESS, **_without_secrets(reply)})}"


def _without_secrets(reply: Mapping[str, object]) -> Mapping[str, object]:
    return {name: "***" if _SECRET.search(name) else value for name, value in reply.items()}


@lru_cache(maxsize=1024)
def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
