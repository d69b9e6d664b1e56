"""What ``onhook prompt warm`` does: it makes the prompts of messages before anybody waits for them."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import structlog

from onhook.blocks import Refused
from onhook.blocks.declaration import MESSAGE_MAX
from onhook.calls.preparation import MessageReader
from onhook.cli.errors import CommandError
from onhook.cli.opening import check_there
from onhook.media.prompt import Prompt
from onhook.notify.addresses import AddressPolicy
from onhook.notify.client import WebClient
from onhook.notify.errors import CaFileUnusable
from onhook.notify.resolver import AddressResolver
from onhook.notify.tls import client_context
from onhook.server.prompt_making import make_renderer
from onhook.server.settings import Settings
from onhook.speech.errors import EngineUnavailable, MessageError
from onhook.speech.installed import installed_voices
from onhook.speech.renderer import Renderer
from onhook.speech.voices import Catalogue

AT_ONCE = 4
DEADLINE_S = 120.0
"""How long one message may take; nobody is on the phone."""

KOKORO = "kokoro"

STDIN = Path("-")
_JSON_LINES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True, slots=True)
class Line:
    """A message of the file; its number counts from 1."""

    number: int
    msg: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A line that came to no prompt, and why. The message itself is not repeated."""

    line: int
    status: str
    detail: str


@dataclass(frozen=True, slots=True)
class Warmed:
    """What became of a file: messages that are ready, and those that are not."""

    ready: int
    failures: tuple[Failure, ...]


async def warm(settings: Settings, file: Path, *, engine: str | None = None) -> Warmed:
    """Renders every message of ``file`` into the data directory; in the voices of ``engine`` wherever these
    can, if one is named. Raises ``CommandError``."""
    lines = list(read(file))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    os.umask(0o077)  # as the server: messages are not for other users
    check_there(settings.data)
    try:
        return await _warm(settings, lines, engine)
    except (OSError, EngineUnavailable, CaFileUnusable) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"The prompts cannot be made: {reason}.") from error


async def _warm(settings: Settings, lines: list[Line], engine: str | None) -> Warmed:
    async with AsyncExitStack() as stack:
        resolver = AddressResolver(AddressPolicy(settings.allowed_networks))
        stack.callback(resolver.close)
        tls = client_context(settings.ca_file)
        client = await stack.enter_async_context(WebClient(resolver, tls))
        catalogue = stack.enter_context(
            installed_voices(settings.voices_dir, experimental=settings.experimental_voices)
        )
        if engine is not None:
            catalogue = _of_engine(catalogue, engine)
        renderer, files = make_renderer(settings, client, catalogue)
        stack.push_async_callback(renderer.close)
        await asyncio.to_thread(files.scan)  # what is too much goes, the least recently used first
        places = asyncio.Semaphore(AT_ONCE)

        async def one(line: Line) -> Failure | None:
            async with places:
                return await _one(renderer, line)

        made = await asyncio.gather(*map(one, lines))
    failures = tuple(failure for failure in made if failure is not None)
    return Warmed(len(lines) - len(failures), failures)


def _of_engine(catalogue: Catalogue, engine: str) -> Catalogue:
    found = catalogue.of_engine(engine)
    engines = sorted({voice.engine for voice in found.voices})
    if engine not in engines:
        hint = " It is an extra: see docs/voices.md." if engine == KOKORO else ""
        raise CommandError(f"There is no engine {engine!r} here, only {', '.join(engines)}.{hint}")
    return found


async def _one(renderer: Renderer[Prompt], line: Line) -> Failure | None:
    if len(line.msg) > MESSAGE_MAX:
        detail = f"It has {len(line.msg)} characters; at most {MESSAGE_MAX} are allowed."
        return Failure(line.number, "error_msg_invalid_length", detail)
    try:
        message = MessageReader(renderer)(line.msg)
        await renderer.render(message, deadline_s=DEADLINE_S)
    except Refused as error:
        return Failure(line.number, error.status, error.detail or "")
    except MessageError as error:
        return Failure(line.number, error.status, error.detail)
    return None


def read(file: Path) -> Iterator[Line]:
    """The messages of a file: one a line, or with the extension .jsonl one JSON value a line, a string
    or an object with a ``msg``. Empty lines count for nothing. Raises ``CommandError``."""
    reader = _json_message if file.suffix.lower() in _JSON_LINES else str
    try:
        if file == STDIN:
            yield from _lines(sys.stdin, file, reader)
            return
        with file.open(encoding="utf-8-sig") as text:
            yield from _lines(text, file, reader)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} cannot be read: it is not UTF-8.") from error


def _lines(text: TextIO, file: Path, reader: Callable[[str], str]) -> Iterator[Line]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            yield Line(number, reader(line.rstrip("\r\n")))
        except ValueError as error:
            raise CommandError(f"{file}, line {number}: {error}; nothing was made.") from error


def _json_message(line: str) -> str:
    try:
        value = json.loads(line)
    except json.JSONDecodeError:
        raise ValueError("it is not JSON") from None
    msg = value.get("msg") if isinstance(value, dict) else value
    if not isinstance(msg, str):
        raise ValueError('a line is a string, or an object with a string "msg"')
    return msg
