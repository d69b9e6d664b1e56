"""``onhook voices`` and ``onhook say``: which voices there are, and how they sound on the telephone."""

import json
from pathlib import Path
from typing import Annotated

import typer

from onhook.cli.errors import CommandError
from onhook.cli.running import Json, fail


def list_voices(as_json: Json = False) -> None:
    """List the voices: language, gender, engine, quality."""
    from onhook.cli import voices  # with it come the engines

    rows = voices.listed()
    if as_json:
        print(json.dumps(rows))
        return
    from onhook.cli.tables import show_table

    show_table(list(rows[0]), [list(row.values()) for row in rows])


def say(
    text: Annotated[str, typer.Argument(help="Plain text.")],
    out: Annotated[Path, typer.Argument(help="The .wav file that is written.")],
    language: Annotated[str | None, typer.Option(help="As in <speech>, e.g. zh-HK.")] = None,
    gender: Annotated[str | None, typer.Option(help="female or male.")] = None,
) -> None:
    """Speak a text into a wav file, as callers hear it: 8000 Hz, G.711."""
    from onhook.cli import voices

    try:
        duration_s, who = voices.say(text, out, language, gender)
    except CommandError as error:
        fail(str(error))
    print(f"{out}: {duration_s:.1f} s, {who}")
