"""What the command leaves behind for the supervisor that it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What the command has opened before it became the supervisor."""

    data: str
    settings: Mapping[str, Any]
    sockets: Mapping[str, int]
    """The descriptors of the listening sockets by name, for the switch."""
    kept_open: tuple[int, ...]
    """Descriptors that every process holds for as long as it lives: the lock of the data directory."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Of what the settings were read: the command's `options`, and `variables` of its environment."""
