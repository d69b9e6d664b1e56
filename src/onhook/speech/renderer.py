"""From a message to prompts that can be played: cached, synthesised or downloaded, side by side.

A long message can be played while its end is still being spoken (`Renderer.begin`). Its recordings are
all there by then, because whether they can be had is what the request is answered with; of its texts,
only a beginning.
"""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from functools import lru_cache, partial
from typing import Final, Generic, TypeVar
from weakref import WeakSet, WeakValueDictionary

from onhook.flights import Flights, Seat
from onhook.message import Fetch, Message, Part, Say
from onhook.speech import markup
from onhook.speech.beside import Beside, Wanted
from onhook.speech.downloads.downloads import Downloads
from onhook.speech.narrowband import Pcm
from onhook.speech.pending import PendingPart, Progress, leave, left
from onhook.speech.prompts import OpenedPrompt, PromptStore, Rendered, RenderedPart
from onhook.speech.rendering import FollowingPrompts, Rendering
from onhook.speech.threads import Checkpoint, ThreadPool
from onhook.speech.utterance import Here, Spoken, Synthesis, Utterance
from onhook.speech.voices import VOICE_WAIT_MS, Catalogue, Voice, character_s

SHORT: Final = 100
"""Characters. So little is spoken before anything of it is played: it takes no longer to be ready, and
the request is answered with all that can be wrong with it."""

STAND_IN_S: Final = 1.0
"""So much of a message's time is left to who stands in, however long a slow voice may be waited for."""

_NOBODY: Final[frozenset[Voice]] = frozenset()

_RECIPE: Final = (
    "speech 3"  # raise it when speech is resampled, cut, levelled or faded in another way
)


P = TypeVar("P", bound=OpenedPrompt)


class Renderer(Generic[P]):
    """Makes prompts of messages. Belongs to one event loop; `close` it there.

    Texts are spoken by `synthesis`, which it closes; without one, in this process.
    A prompt is kept under the hash of what shaped it: engine, version, voice, language and text of
    speech, the decoded audio of a download. Where a slow voice would keep a caller waiting for more than
    `voice_wait_s`, who stands in for it speaks (`begin`). The prompts used last stay open (`opened_limit` of
    them, which play for `opened_s` seconds), and are shared by all who play them.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        store: PromptStore[P],
        downloads: Downloads[P],
        synthesis: Synthesis | None = None,
        synthesis_threads: int = 2,
        opened_limit: int = 2048,
        opened_s: float = 4 * 3600.0,
        voice_wait_s: float = VOICE_WAIT_MS / 1000,
    ) -> None:
        self._catalogue = catalogue
        self._parse = lru_cache(maxsize=1024)(partial(markup.parse, voices=catalogue))
        self._address = lru_cache(maxsize=1024)(partial(_address, catalogue))
        self._voice_wait_s = voice_wait_s
        self._store = store
        self._downloads = downloads
        self._synthesis = synthesis or Here()
        self._threads = ThreadPool(synthesis_threads, "speech")
        # What nobody waits for in silence leaves a thread to what somebody does.
        self._background = asyncio.Semaphore(max(1, synthesis_threads - 1))
        self._opened_limit = opened_limit
        self._opened_limit_ms = opened_s * 1000
        self._opened: OrderedDict[str, RenderedPart[P]] = OrderedDict()
        self._opened_ms = 0
        self._flights: Flights[RenderedPart[P]] = Flights()
        self._beside: Beside[RenderedPart[P]] = Beside(
            self._flights, self._remember, lambda: self._synthesis.process_id
        )
        self._progress: WeakValueDictionary[str, Progress[P]] = WeakValueDictionary()
        self._followed: WeakSet[FollowingPrompts[P]] = WeakSet()

    @property
    def beside(self) -> int:
        """How many texts slow voices are making for the next time."""
        return len(self._beside)

    @property
    def followed(self) -> int:
        """How many messages play, or are to play, whose end is still being made."""
        return sum(not each.over for each in self._followed)

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
        pending = self._make(message, whole=True)
        try:
            return Rendered(tuple([await one.whole(deadline) for one in pending]))
        finally:
            await left(pending)

    async def begin(self, message: Message, *, deadline_s: float) -> Rendering[P]:
        """Make so much of `message` that it can be played, and go on with the rest.

        That is every recording, and the first piece of what is to be spoken: about a sentence. If
        no more than `SHORT` characters are to be spoken, it is all. What fails until then is raised
        as by `render`; what fails later comes out of the rest, whose pieces may each take
        `deadline_s` from when they are waited for. All is kept as if `render` had made it, except that
        another voice speaks in place of a slow one that would take longer than anybody should wait.
        """
        if (at_hand := self.at_hand(message)) is not None:
            return at_hand
        deadline = asyncio.get_running_loop().time() + deadline_s
        with self._downloading(message):
            replaced = await self._too_slow(message, deadline)
            ready = [self._ready(part, replaced) for part in message]
            short = self._is_short(message, ready)
            pending = self._make(message, whole=short, replaced=replaced)
        to_speak = [
            part
            for part, found in zip(message, ready, strict=True)
            if found is None and isinstance(part, Say)
        ]
        try:
            for one in pending:
                if short or not isinstance(one.part, Say):
                    await one.whole(deadline)
                elif one.part is to_speak[0]:
                    await one.begun(deadline)
            for one in pending:
                one.check()
        except BaseException:
            await left(pending)
            raise
        rendering = _rendering(pending, deadline_s)
        if rendering.rest is not None:
            self._followed.add(rendering.rest)
        return rendering

    def at_hand(self, message: Message) -> Rendering[P] | None:
        """All of `message`, where nothing of it has to be made; else None."""
        ready = [self._ready(part) for part in message]
        if None in ready:
            return None
        return Rendering(tuple(part.prompt for part in ready if part is not None), None)

    async def warm(self) -> None:
        """Have ready what speaks, and a decoder, so that the first message need not wait for them."""
        await asyncio.gather(self._downloads.warm(), asyncio.to_thread(self._synthesis.warm))

    async def close(self) -> None:
        """Give up what is being made; end what speaks, and the threads, those of `downloads` too."""
        await self._beside.close()
        await self._flights.close()
        await asyncio.gather(self._threads.close(), self._downloads.close())
        await asyncio.to_thread(self._synthesis.close)

    @contextmanager
    def _downloading(self, message: Message) -> Iterator[None]:
        """Have recordings on their way, whatever is decided meanwhile."""
        seats = [self._board(part) for part in message if isinstance(part, Fetch)]
        try:
            yield
        finally:
            for seat in seats:
                seat.leave()

    async def _too_slow(self, message: Message, deadline: float) -> frozenset[Voice]:
        """The voices of `message` that others stand in for, all through it: what they say is not there, and
        takes too long. It is made for the next time. Time is left before `deadline` for who stands in."""
        slow: list[Wanted[RenderedPart[P]]] = []
        for part in message:
            if not isinstance(part, Say) or self._ready(part) is not None:
                continue
            voice, text, digest = self._address(part, _NOBODY)
            if character_s(voice) and self._catalogue.stand_in(voice) is not None:
                slow.append(Wanted(digest, voice, text, partial(self._said, voice, text, digest)))
        slow = [one for one in slow if not await self._is_kept(one, deadline)]
        left_s = deadline - STAND_IN_S - asyncio.get_running_loop().time()
        if not slow or await self._beside.ready(slow, min(self._voice_wait_s, left_s)):
            return _NOBODY
        return frozenset(one.voice for one in slow)

    async def _is_kept(self, wanted: Wanted[RenderedPart[P]], deadline: float) -> bool:
        """Whether it was made before, as far as that is known by `deadline`; then it is open from now on."""
        digest = str(wanted.key)
        try:
            async with asyncio.timeout_at(deadline):
                found = await self._threads.run(lambda _: self._store.find(digest))
        except TimeoutError:
            return False
        if found is not None:
            self._remember(RenderedPart.of(digest, found))
        return found is not None

    def _is_short(self, message: Message, ready: Sequence[RenderedPart[P] | None]) -> bool:
        to_speak = (
            len(part.text)
            for part, found in zip(message, ready, strict=True)
            if found is None and isinstance(part, Say)
        )
        return sum(to_speak) <= SHORT

    def _make(
        self, message: Message, *, whole: bool, replaced: frozenset[Voice] = _NOBODY
    ) -> list[PendingPart[P]]:
        """Begin to make every part, or join who makes it; they have to be left.

        Unless all are wanted `whole`, only the first text is urgent.
        """
        pending: list[PendingPart[P]] = []
        urgent = True
        for part in message:
            if isinstance(part, Fetch):
                pending.append(PendingPart(part, self._board(part)))
            elif (found := self._ready(part, replaced)) is not None:
                pending.append(PendingPart(part, found))
            else:
                pending.append(self._say(part, replaced, whole=whole, urgent=urgent))
                urgent = whole
        return pending

    def _board(self, part: Fetch) -> Seat[RenderedPart[P]]:
        return self._flights.board(("url", part.url), partial(self._record, part.url))

    def _say(
        self, part: Say, replaced: frozenset[Voice], *, whole: bool, urgent: bool
    ) -> PendingPart[P]:
        voice, text, digest = self._address(part, replaced)

        def begin() -> Coroutine[None, None, RenderedPart[P]]:
            progress = self._progress[digest] = Progress()
            utterance = self._synthesis.utterance(voice, text)
            return self._speak(utterance, digest, None if whole else progress, urgent=urgent)

        seat = self._flights.board(digest, begin)
        return PendingPart(part, seat, self._progress.get(digest, Progress()))

    async def _record(self, url: str) -> RenderedPart[P]:
        return self._remember(await self._downloads.prompt(url))

    async def _speak(
        self, utterance: Spoken, digest: str, progress: Progress[P] | None, *, urgent: bool
    ) -> RenderedPart[P]:
        """Piece by piece if somebody follows the progress: others get at the threads in between."""
        with closing(utterance):
            while True:
                async with nullcontext() if urgent else self._background:
                    step = partial(self._go_on, utterance, digest, progress is not None)
                    made = await self._threads.run(step)
                if isinstance(made, RenderedPart):
                    return self._remember(made)
                if progress is not None:
                    progress.add(made)
                urgent = False

    # In threads

    def _said(
        self, voice: Voice, text: str, digest: str, checkpoint: Checkpoint
    ) -> RenderedPart[P]:
        """All of a text, at once."""
        with closing(self._synthesis.utterance(voice, text)) as utterance:
            return RenderedPart.of(digest, self._store.save(digest, utterance.whole(checkpoint)))

    def _go_on(
        self, utterance: Spoken, digest: str, in_pieces: bool, checkpoint: Checkpoint
    ) -> RenderedPart[P] | P:
        """The next piece; or all of it, when there is no next piece."""
        if not utterance.begun:
            prompt = self._store.find(digest)
            if prompt is not None:
                return RenderedPart.of(digest, prompt)
        if in_pieces and not utterance.over:
            return self._store.piece(utterance.piece(checkpoint))
        return RenderedPart.of(digest, self._store.save(digest, utterance.whole(checkpoint)))

    # On the loop

    def _ready(self, part: Part, replaced: frozenset[Voice] = _NOBODY) -> RenderedPart[P] | None:
        if isinstance(part, Fetch):
            return None
        _, _, digest = self._address(part, replaced)
        found = self._opened.get(digest)
        if found is not None:
            self._opened.move_to_end(digest)
        return found

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


def _address(catalogue: Catalogue, say: Say, replaced: frozenset[Voice]) -> tuple[Voice, str, str]:
    """Who says what, and the digest under which that is kept; others speak for who is `replaced`."""
    voice = catalogue.find(say.language, say.gender)
    if voice in replaced:
        voice = catalogue.stand_in(voice) or voice
    text = markup.normalised(say.text)
    shaped_by = (_RECIPE, voice.engine, voice.version, voice.name, voice.language, text)
    return voice, text, hashlib.sha256(json.dumps(shaped_by).encode()).hexdigest()


def speech(voice: Voice, text: str) -> Pcm:
    """`text` in `voice` as telephone audio. Raises `CannotConvertText`, also for no sound at all."""
    return Utterance(voice, text).whole()


def _rendering(pending: Sequence[PendingPart[P]], deadline_s: float) -> Rendering[P]:
    first: list[P] = []
    for index, one in enumerate(pending):
        if one.made is None:
            begun = len(one.progress.pieces)
            first += one.progress.pieces
            rest = _following(pending[index:], begun, deadline_s)
            return Rendering(tuple(first), FollowingPrompts(rest, partial(leave, pending)))
        first.append(one.made.prompt)
    leave(pending)
    return Rendering(tuple(first), None)


async def _following(
    pending: Sequence[PendingPart[P]], heard: int, patience_s: float
) -> AsyncIterator[Sequence[P]]:
    """The prompts of these parts, but for the first `heard` pieces of the first one."""
    for one in pending:
        async for prompts in one.prompts(heard, patience_s):
            yield prompts
        heard = 0
