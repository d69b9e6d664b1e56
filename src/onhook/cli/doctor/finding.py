"""What a check has to look at, and what it finds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from onhook.phone import Trunk
from onhook.phone.nat.public_address import OutsideView
from onhook.server.settings import Settings
from onhook.store import TrunkRecord
from onhook.store.trunk_states import TrunkState


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is as it should be, and why not and what to do."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class KnownTrunk:
    """A trunk as it is stored, what is known of it, and what calls use; None where that cannot be made,
    and then ``trouble`` says why."""

    record: TrunkRecord
    state: TrunkState | None = None
    usable: Trunk | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is looked at: the settings that the server has, and what is stored.

    ``running`` is whether a server has the data directory now. ``calls`` are those that go on.
    """

    settings: Settings
    running: bool
    trunks: Sequence[KnownTrunk] = ()
    newest_ms: int = 0
    """When something was last written of a call; 0 if nothing was."""
    told: bool = False
    """Whether the settings are those that the server which runs has told of itself."""
    trouble: str = ""
    """Why nothing stored can be read; empty if it can."""
    asks: frozenset[str] = field(default=frozenset())
    """The names of the trunks that are asked by OPTIONS."""
    outside: OutsideView = field(default_factory=OutsideView)
    """Which address peers outside are told, looked up once."""

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.settings.data
