"""Voices of other packages: what a package has to offer, and how it is found.

A package that brings voices declares an entry point of the group `onhook.voices`:

    [project.entry-points."onhook.voices"]
    acme = "acme_voices:voices"

It names a function without parameters that returns the package's voices, each a `Speaker`. The
function is called when the server starts, so its module has to be light: what takes long to import is
imported in `synthesise`, which is only ever called in worker processes of the plugin's own. There
it may block, take its time, and crash, without a call noticing. `examples/http_voice/` is a whole one.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final, Protocol

import structlog

from onhook.speech.errors import CannotSpeak, PluginUnusable
from onhook.speech.voices import Gender, Sound

__all__ = ["GROUP", "CannotSpeak", "Described", "Speaker", "plugged", "speakers"]

log = structlog.get_logger()

GROUP: Final = "onhook.voices"
"""The group of entry points."""

_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class Speaker(Protocol):
    """One voice of one language, as a package offers it."""

    @property
    def name(self) -> str:
        """Its name, of which the package has no second."""

    @property
    def version(self) -> str:
        """The version of everything that shapes its sound: prompts are kept under it."""

    @property
    def language(self) -> str:
        """What it speaks, as a language tag (RFC 5646), such as `sv-SE`."""

    @property
    def gender(self) -> str:
        """`female` or `male`."""

    @property
    def quality(self) -> str:
        """What to expect, for `onhook voices`: `neural`, say, and what else is to be known."""

    def synthesise(self, text: str) -> Sound:
        """Speak `text`, which has at most 200 characters, within 10 s.

        Blocks; one call at a time in each process. Every `Sound` of a voice has the same rate. Raises
        `CannotSpeak`; whatever else it raises is taken for the same.
        """


@dataclass(frozen=True, slots=True)
class Described:
    """A `Speaker` as the server knows it, which never lets it speak. `plugin` is the entry point."""

    plugin: str
    name: str
    version: str
    language: str
    gender: Gender
    quality: str


def plugged(points: Callable[..., Iterable[EntryPoint]] = entry_points) -> Iterator[Described]:
    """The voices of all plugins. A plugin that is broken is logged and left out, all of it."""
    for point in points(group=GROUP):
        try:
            found = [_described(point.name, speaker) for speaker in speakers(point).values()]
        except Exception as error:  # noqa: BLE001  it is the code of strangers; calls go on without it
            reason = f"{type(error).__name__}: {error}"
            log.error("voice_plugin_left_out", plugin=point.name, reason=reason)
        else:
            yield from found


def speakers(point: EntryPoint) -> dict[str, Speaker]:
    """The voices of one plugin, by name. Raises `PluginUnusable`, and whatever the plugin raises."""
    found: dict[str, Speaker] = {}
    for speaker in point.load()():
        if speaker.name in found:
            raise PluginUnusable(f"two voices have the name {speaker.name!r}")
        found[speaker.name] = speaker
    return found


def _described(plugin: str, speaker: Speaker) -> Described:
    for attribute in ("name", "version", "language", "gender", "quality"):
        value = getattr(speaker, attribute, None)
        if not isinstance(value, str) or not value:
            raise PluginUnusable(f"a voice has no {attribute}: it must be text that is not empty")
    if not _TAG.fullmatch(speaker.language):
        raise PluginUnusable(f"{speaker.language!r} is no language tag such as sv-SE")
    try:
        gender = Gender(speaker.gender)
    except ValueError:
        raise PluginUnusable(
            f"the gender {speaker.gender!r} is not one of female and male"
        ) from None
    if not callable(getattr(speaker, "synthesise", None)):
        raise PluginUnusable(f"the voice {speaker.name!r} has no method synthesise")
    return Described(
        plugin, speaker.name, speaker.version, speaker.language, gender, speaker.quality
    )
