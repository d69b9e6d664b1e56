"""From a message to prompts that can be played: cached, synthesised or downloaded, side by side."""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Hashable
from functools import lru_cache, partial
from typing import Final, Generic, TypeVar

import structlog

from onhook.flights import Flights
from onhook.speech import markup
from onhook.speech.errors import CannotConvertText, DownloadFailed, RenderError
from onhook.speech.level import levelled
from onhook.speech.markup import Fetch, Message, Part, Say
from onhook.speech.narrowband import Narrowband, Pcm, faded
from onhook.speech.prompts import Playable, PromptStore, Rendered, RenderedPart
from onhook.speech.recordings import Recordings
from onhook.speech.voices import Catalogue, Voice
from onhook.speech.workers import Checkpoint, Workers

log = structlog.get_logger()

_RECIPE: Final = "speech 2"  # raise it when speech is resampled, levelled or faded in another way


P = TypeVar("P", bound=Playable)


class Renderer(Generic[P]):
    """Makes prompts of messages. Belongs to one event loop; `close` it there.

    A prompt is kept under the hash of what shaped it: engine, version, voice, language and text of
    speech, the decoded audio of a download. The prompts used last stay open (`opened_limit` of
    them, which play for `opened_s` seconds), and are shared by all who play them.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        store: PromptStore[P],
        recordings: Recordings[P],
        synthesis_threads: int = 2,
        opened_limit: int = 2048,
        opened_s: float = 4 * 3600.0,
    ) -> None:
        self._catalogue = catalogue
        self._parse = lru_cache(maxsize=1024)(partial(markup.parse, voices=catalogue))
        self._store = store
        self._recordings = recordings
        self._synthesis = Workers(synthesis_threads, "speech")
        self._opened_limit = opened_limit
        self._opened_limit_ms = opened_s * 1000
        self._opened: OrderedDict[str, RenderedPart[P]] = OrderedDict()
        self._opened_ms = 0
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
        """Load every voice and a decoder, so that the first message need not wait for them."""
        voices = [self._synthesis.run(partial(_warm, voice)) for voice in self._catalogue.voices]
        await asyncio.gather(self._recordings.warm(), *voices)

    async def close(self) -> None:
        """Give up what is being made, and end the threads, those of `recordings` too."""
        await self._flights.close()
        await asyncio.gather(self._synthesis.close(), self._recordings.close())

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
            begin = partial(self._recordings.prompt, part.url)
            return self._remember(await self._flights.join(key, begin))
        voice, text, digest = self._address(part)
        made = await self._flights.join(digest, partial(self._speak, voice, text, digest))
        return self._remember(made)

    async def _speak(self, voice: Voice, text: str, digest: str) -> RenderedPart[P]:
        return await self._synthesis.run(partial(self._keep_speech, voice, text, digest))

    # In threads

    def _keep_speech(
        self, voice: Voice, text: str, digest: str, checkpoint: Checkpoint
    ) -> RenderedPart[P]:
        prompt = self._store.find(digest)
        if prompt is None:
            prompt = self._store.save(digest, speech(voice, text, checkpoint))
        return RenderedPart.of(digest, prompt)

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
        found = self._opened.get(part.digest)
        if found is None:
            found = self._opened[part.digest] = part
            self._opened_ms += part.duration_ms
        self._opened.move_to_end(part.digest)
        while len(self._opened) > self._opened_limit or self._opened_ms > self._opened_limit_ms:
            _, oldest = self._opened.popitem(last=False)
            self._opened_ms -= oldest.duration_ms
        return found


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
    return faded(levelled(pcm))


def _warm(voice: Voice, _checkpoint: Checkpoint) -> None:
    voice.warm()


def _too_late(part: Part) -> RenderError:
    if isinstance(part, Say):
        return CannotConvertText("The text of msg was not turned into speech in time: try again.")
    return DownloadFailed("The file of a <url> in msg was not there in time.")
