"""What callers see of an engine: the same measurements are made of Onhook and of its peer (`bench/peer`).

An engine is started with an application beside it, which does the same for all of them: calls to `HANGUP`
hear a message and are hung up; calls to `PLAY` hear a long one, again and again; those to `PROBE` are the
affair of a `Caller`.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from bench.called import PROBE
from bench.caller import Caller
from bench.rig import ONHOOK, Command, Rig, rig


class Target(Protocol):
    """An engine that runs, with its application."""

    @property
    def sip(self) -> tuple[str, int]:
        """Where calls go."""

    @property
    def pid(self) -> int:
        """The process from which all of the engine descends."""

    @property
    def application_pid(self) -> int:
        """The process of the application, which is no part of the engine."""

    @property
    def folder(self) -> Path:
        """Where the engine writes what has to survive."""

    def stats(self) -> dict[str, int]:
        """What the application counted: calls that `ended`, and those to `PLAY` whose message was `begun`."""

    def caller(self, probing: bool = True) -> AbstractContextManager[Caller]:
        """A caller who has `PROBE`, once on each engine; or one who only calls the others."""


Start: TypeAlias = Callable[[], AbstractContextManager[Target]]
"""Starts a fresh one."""


@dataclass(frozen=True, slots=True)
class Onhook:
    """Onhook as a target."""

    rig: Rig

    @property
    def sip(self) -> tuple[str, int]:
        return self.rig.server.sip

    @property
    def pid(self) -> int:
        return self.rig.server.pid

    @property
    def application_pid(self) -> int:
        return self.rig.application.pid

    @property
    def folder(self) -> Path:
        return self.rig.account.data

    def stats(self) -> dict[str, int]:
        return self.rig.application.stats()

    @contextlib.contextmanager
    def caller(self, probing: bool = True) -> Iterator[Caller]:
        with Caller(self.rig.server, self.rig.account) as caller:
            if probing:
                self.rig.account.add_number(PROBE, caller.url)
            yield caller


@contextlib.contextmanager
def onhook(
    prompts: Path | None = None,
    *,
    database_url: str = "",
    settings: Mapping[str, str] | None = None,
    command: Command = ONHOOK,
    serving: Command | None = None,
) -> Iterator[Onhook]:
    """A fresh server; see `rig`."""
    with rig(
        prompts, database_url=database_url, settings=settings, onhook=command, serving=serving
    ) as running:
        yield Onhook(running)
