"""Voices: at least one speaks."""

from collections.abc import Iterator

from onhook.cli.doctor.finding import Finding, Installation
from onhook.cli.errors import CommandError


def voices(here: Installation) -> Iterator[Finding]:
    """Those that are installed."""
    from onhook.cli.voices import listed  # the engines take a second to import

    try:
        settings = here.settings
        found = listed(settings.voices_dir, experimental=settings.experimental_voices)
    except CommandError as error:
        yield Finding("voices", False, f"{error} See docs/voices.md.")
        return
    languages = sorted({str(one["language"]) for one in found})
    many = f"{len(found)} in {len(languages)} languages"
    detail = many if found else "none: messages cannot be spoken; see docs/voices.md"
    yield Finding("voices", bool(found), detail)
