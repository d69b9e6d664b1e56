"""``onhook prompt warm``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from onhook.cli.command_groups import group
from onhook.cli.running import Data, Experimental, Json, VoicesDir, doc, run, settings_of

commands = group("Speech and recordings that are kept.")


@commands.command("warm")
def warm(
    file: Annotated[
        Path,
        typer.Argument(help="One msg a line; .jsonl: a string or an object with msg; - is stdin."),
    ],
    data: Data = None,
    config: Annotated[str | None, typer.Option(help=doc("config"))] = None,
    allowed_networks: Annotated[str | None, typer.Option(help=doc("allowed_networks"))] = None,
    voices_dir: VoicesDir = None,
    experimental_voices: Experimental = None,
    voice: Annotated[
        str | None,
        typer.Option(
            help="An engine of `onhook voices`, such as kokoro: its voices speak wherever they can."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the prompts of messages ahead, so that no call waits for them.

    Works while the server runs, with the same settings. Status 1 if a message cannot be made.
    """
    from onhook.cli import prompts  # with it come the engines

    settings = settings_of(
        data=data,
        config=config,
        allowed_networks=allowed_networks,
        voices_dir=voices_dir,
        experimental_voices=experimental_voices,
    )
    warmed = run(prompts.warm(settings, file, engine=voice))
    if as_json:
        print(json.dumps(asdict(warmed)))
    else:
        for failure in warmed.failures:
            print(f"line {failure.line}: {failure.status}: {failure.detail}")
        print(f"{warmed.ready} messages are ready, {len(warmed.failures)} cannot be made.")
    if warmed.failures:
        raise typer.Exit(1)
