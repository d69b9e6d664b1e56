"""From a message to prompts that can be played: cached, synthesised or downloaded, side by side."""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final, Generic, Protocol, TypeVar

import structlog

from onhook.flights import Flights
from onhook.speech import audio, markup
from onhook.speech.errors import (
    CannotConvertText,
    DownloadFailed,
    InvalidFileSize,
    RefusedUrl,
    RenderError,
)
from onhook.speech.fetch import (
    MAX_FILE_BYTES,
    Download,
    Fetcher,
    FetchError,
    TooLarge,
    UrlNotValid,
)
from onhook.speech.markup import Fetch, Message, Part, Say
from onhook.speech.narrowband import Narrowband, Pcm, faded
from onhook.speech.voices import Catalogue, Voice
from onhook.speech.workers import Checkpoint, Workers

log = structlog.get_logger()

_RECIPE: Final = "speech 1"  # raise it when speech is resampled or faded in another way
_FILE_RECIPE: Final = b"file 1\n"


class Playable(Protocol):
    """What is needed of an opened prompt."""

    @property
    def duration_ms(self) -> int:
        """How long it plays."""


P = TypeVar("P", bound=Playable)
P_co = TypeVar("P_co", bound=Playable, covariant=True)


class PromptStore(Protocol[P_co]):
    """Where prompts are kept, by digest. Its methods block and are called from several threads."""

    def has(self, digest: str) -> bool:
        """Whether the prompt is there, whole."""

    def save(self, digest: str, pcm: Pcm) -> None:
        """Keep 8 kHz audio under `digest`. Atomic; saving what is there already does no harm."""

    def open(self, digest: str) -> P_co:
        """The prompt, ready to be played."""


@dataclass(frozen=True, slots=True)
class RenderedPart(Generic[P]):
    """One prompt: the address of its content, how long it plays, and itself."""

    digest: str
    duration_ms: int
    prompt: P


@dataclass(frozen=True, slots=True)
class Rendered(Generic[P]):
    """A message as prompts, in the order in which they are heard."""

    parts: tuple[RenderedPart[P], ...]

    @property
    def prompts(self) -> tuple[P, ...]:
        """The prompts alone, ready to be queued."""
        return tuple(part.prompt for part in self.parts)

    @property
    def duration_ms(self) -> int:
        """How long the whole message plays."""
        return sum(part.duration_ms for part in self.parts)


class Renderer(Generic[P]):
    """Makes prompts of messages. Belongs to one event loop; `close` it there.

    A prompt is kept under the hash of what shaped it: engine, version, voice, language and text of
    speech, the decoded audio of a download. The prompts used last stay open (`opened_limit` of
    them), and are shared by all who play them.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        store: PromptStore[P],
        fetcher: Fetcher,
        synthesis_threads: int = 2,
        decoding_threads: int = 2,
        downloads_limit: int = 32,
        download_deadline_s: float = 60.0,
        opened_limit: int = 2048,
    ) -> None:
        self._catalogue = catalogue
        self._parse = lru_cache(maxsize=1024)(partial(markup.parse, voices=catalogue))
        self._store = store
        self._fetcher = fetcher
        self._synthesis = Workers(synthesis_threads, "speech")
        self._decoding = Workers(decoding_threads, "decode")
        # Bounds the memory that downloads take until they are decoded.
        self._downloads = asyncio.Semaphore(downloads_limit)
        self._download_deadline_s = download_deadline_s
        self._opened_limit = opened_limit
        self._opened: OrderedDict[str, RenderedPart[P]] = OrderedDict()
        self._flights: Flights[RenderedPart[P]] = Flights()

    def check(self, msg: str) -> Message:
        """Read `msg` without rendering it: pure and cheap. Raises a leaf of `MarkupError`."""
        return self._parse(msg)

    async def render(self, message: Message, *, deadline_s: float) -> Rendered[P]:
        """Make every part of `message` into a prompt, all at the same time.

        When several fail, the first in the message's order decides. A part that is not ready after
        `deadline_s` has failed. Raises a leaf of `RenderError`; what is wrong with the machine (a
        full disk) goes up as it is.
        """
        ready = [self._ready(part) for part in message]
        if None not in ready:
            return Rendered(tuple(part for part in ready if part is not None))
        deadline = asyncio.get_running_loop().time() + deadline_s
        tasks = [
            asyncio.create_task(self._part(part, found, deadline))
            for part, found in zip(message, ready, strict=True)
        ]
        try:
            return Rendered(tuple([await task for task in tasks]))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def warm(self) -> None:
        """Load every voice and decoder, so that the first message need not wait for them."""
        voices = [self._synthesis.run(partial(_warm, voice)) for voice in self._catalogue.voices]
        await asyncio.gather(self._decoding.run(_warm_decoder), *voices)

    async def close(self) -> None:
        """Give up what is being made, and end the threads."""
        await self._flights.close()
        await asyncio.gather(self._synthesis.close(), self._decoding.close())

    async def _part(
        self, part: Part, ready: RenderedPart[P] | None, deadline: float
    ) -> RenderedPart[P]:
        if ready is not None:
            return ready
        try:
            async with asyncio.timeout_at(deadline):
                return await self._make(part)
        except TimeoutError:
            raise _too_late(part) from None

    async def _make(self, part: Part) -> RenderedPart[P]:
        if isinstance(part, Fetch):
            key: Hashable = ("url", part.url)
            return self._remember(await self._flights.join(key, partial(self._fetch, part.url)))
        voice, text, digest = self._address(part)
        made = await self._flights.join(digest, partial(self._speak, voice, text, digest))
        return self._remember(made)

    async def _speak(self, voice: Voice, text: str, digest: str) -> RenderedPart[P]:
        return await self._synthesis.run(partial(self._keep_speech, voice, text, digest))

    async def _fetch(self, url: str) -> RenderedPart[P]:
        kind = audio.named_kind(url)
        async with self._downloads:
            download = await self._download(url)
            return await self._decoding.run(partial(self._keep_file, download.body, kind))

    async def _download(self, url: str) -> Download:
        try:
            # Whoever waits has a deadline of its own; this one is for a downloader that hangs.
            return await self._fetcher.fetch(
                url, limit_bytes=MAX_FILE_BYTES, deadline_s=self._download_deadline_s
            )
        except TooLarge:
            raise InvalidFileSize from None
        except UrlNotValid as error:
            raise RefusedUrl(error.detail) from None
        except FetchError as error:
            raise DownloadFailed(error.detail) from None

    # In threads

    def _keep_speech(
        self, voice: Voice, text: str, digest: str, checkpoint: Checkpoint
    ) -> RenderedPart[P]:
        if not self._store.has(digest):
            self._store.save(digest, speech(voice, text, checkpoint))
        return self._open(digest)

    def _keep_file(
        self, body: bytes, kind: audio.FileKind, checkpoint: Checkpoint
    ) -> RenderedPart[P]:
        pcm = audio.decode(body, kind, checkpoint)
        digest = _file_digest(pcm)
        if not self._store.has(digest):
            self._store.save(digest, pcm)
        return self._open(digest)

    def _open(self, digest: str) -> RenderedPart[P]:
        prompt = self._store.open(digest)
        return RenderedPart(digest, prompt.duration_ms, prompt)

    # On the loop

    def _ready(self, part: Part) -> RenderedPart[P] | None:
        if isinstance(part, Fetch):
            return None
        _, _, digest = self._address(part)
        found = self._opened.get(digest)
        if found is not None:
            self._opened.move_to_end(digest)
        return found

    def _address(self, say: Say) -> tuple[Voice, str, str]:
        """Who says what, and the digest under which that is kept."""
        voice = self._catalogue.find(say.language, say.gender)
        text = markup.normalised(say.text)
        shaped_by = (_RECIPE, voice.engine, voice.version, voice.name, voice.language, text)
        return voice, text, hashlib.sha256(json.dumps(shaped_by).encode()).hexdigest()

    def _remember(self, part: RenderedPart[P]) -> RenderedPart[P]:
        """Keep `part` open, or give the one that is open already, so that memory is shared."""
        part = self._opened.setdefault(part.digest, part)
        self._opened.move_to_end(part.digest)
        while len(self._opened) > self._opened_limit:
            self._opened.popitem(last=False)
        return part


def speech(voice: Voice, text: str, checkpoint: Checkpoint = lambda: None) -> Pcm:
    """`text` in `voice` as telephone audio. Raises `CannotConvertText`, also for no sound at all."""
    narrowband: Narrowband | None = None
    for sound in voice.synthesise(text):
        checkpoint()
        narrowband = narrowband or Narrowband(sound.rate_hz)
        narrowband.feed(sound.samples)
    pcm = narrowband.finish() if narrowband else None
    if pcm is None or len(pcm) == 0:
        raise CannotConvertText(
            "The voice that was chosen finds nothing in the text of msg that it can speak."
        )
    log.debug("speech_synthesised", voice=voice.name, samples=len(pcm))
    return faded(pcm)


def _file_digest(pcm: Pcm) -> str:
    digest = hashlib.sha256(_FILE_RECIPE)
    digest.update(pcm.astype("<i2", copy=False).data)
    return digest.hexdigest()


def _warm(voice: Voice, _checkpoint: Checkpoint) -> None:
    voice.warm()


def _warm_decoder(_checkpoint: Checkpoint) -> None:
    import soxr  # noqa: F401

    import onhook.speech.decoder  # noqa: F401


def _too_late(part: Part) -> RenderError:
    if isinstance(part, Say):
        return CannotConvertText("The text of msg was not turned into speech in time: try again.")
    return DownloadFailed("The file of a <url> in msg was not there in time.")
