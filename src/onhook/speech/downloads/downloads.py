"""From the URL of a recording to its prompt: asked for only if it changed, decoded elsewhere, kept."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeAlias, TypeVar

import structlog

from onhook.speech.downloads.copies import Copies, Copy
from onhook.speech.downloads.decoding import Decoders
from onhook.speech.downloads.kinds import FileKind, named_kind
from onhook.speech.errors import FileNotDownloaded, InvalidFileSize, RefusedUrl, RenderError
from onhook.speech.fetch import (
    MAX_FILE_BYTES,
    Download,
    Fetcher,
    FetchError,
    TooLarge,
    TryLater,
    UrlNotValid,
)
from onhook.speech.narrowband import filled_up, little_endian
from onhook.speech.prompts import OpenedPrompt, PromptStore, RenderedPart
from onhook.speech.threads import Checkpoint, ThreadPool

log = structlog.get_logger()

STALE_S: Final = 3600.0
"""How long a copy is used while its server does not answer, from when it was last confirmed."""

_RECIPE: Final = b"file 4\n"  # raise it when files are decoded or levelled in another way

DownloadSlots: TypeAlias = Callable[[str], AbstractAsyncContextManager[None]]
"""Waits for a slot in which the file at a URL may be downloaded and decoded, and holds it."""

P = TypeVar("P", bound=OpenedPrompt)


@dataclass(frozen=True, slots=True)
class _Held(Generic[P]):
    """A copy whose prompt is there, and open: it cannot go away while its server is asked."""

    copy: Copy
    part: RenderedPart[P]


class Downloads(Generic[P]):
    """Makes prompts of URLs. Belongs to one event loop; `close` it there.

    A copy is asked about within `patience_s` as long as it may stand in for its server, so that a
    server which hangs is noticed while somebody still waits. `clock` is Unix time. `slots` bound the
    memory that downloads take until they are decoded; without it there are `downloads_limit` places,
    and whoever comes first gets one.
    """

    def __init__(
        self,
        store: PromptStore[P],
        fetcher: Fetcher,
        *,
        copies: Copies | None = None,
        decoders: Decoders | None = None,
        threads: int = 2,
        downloads_limit: int = 32,
        slots: DownloadSlots | None = None,
        deadline_s: float = 60.0,
        patience_s: float = 10.0,
        stale_s: float = STALE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._copies = copies or Copies()
        self._decoders = decoders or Decoders()
        self._decoding = ThreadPool(threads, "decode")
        self._looking_up = ThreadPool(1, "copies")  # never behind a file that takes long
        self._slot = slots or _first_come(downloads_limit)
        self._deadline_s = deadline_s
        self._patience_s = patience_s
        self._stale_s = stale_s
        self._clock = clock

    async def prompt(self, url: str) -> RenderedPart[P]:
        """The recording at `url`, as it is there now, or was a short while ago if nobody answers.

        Raises a leaf of `RenderError`, or `DecoderNotStarted`.
        """
        kind = named_kind(url)
        async with self._slot(url):
            held = await self._looking_up.run(partial(self._held, url))
            may_stand_in = held is not None and self._is_fresh(held.copy)
            patience_s = self._patience_s if may_stand_in else self._deadline_s
            try:
                return await self._current(url, kind, held, min(patience_s, self._deadline_s))
            except TryLater as error:
                if held is None or not may_stand_in:
                    raise FileNotDownloaded(error.detail) from None
                log.info("kept_recording_used", digest=held.part.digest)
                return held.part
            except RenderError:  # the server has another file now, or none
                await self._looking_up.run(partial(self._forget, url))
                raise

    async def warm(self) -> None:
        """Start a decoder, so that the first file need not wait for it. Raises `DecoderNotStarted`."""
        await self._decoding.run(self._decoders.warm)

    async def close(self) -> None:
        """End threads and processes, when what runs has come to a checkpoint."""
        await asyncio.gather(self._decoding.close(), self._looking_up.close())
        await asyncio.to_thread(self._decoders.close)
        self._copies.close()

    async def _current(
        self, url: str, kind: FileKind, held: _Held[P] | None, deadline_s: float
    ) -> RenderedPart[P]:
        """Raises `TryLater`, which may be mended, and leaves of `RenderError`."""
        download = await self._download(url, held, deadline_s)
        if download.not_modified:
            if held is None:
                raise FileNotDownloaded
            copy = held.copy.confirmed(download.headers, self._clock())
            await self._looking_up.run(partial(self._keep, url, copy))
            return held.part
        part = await self._decoding.run(partial(self._decode, download.body, kind))
        copy = Copy.of(part.digest, download.headers, self._clock(), download.source)
        await self._looking_up.run(partial(self._keep, url, copy))
        return part

    async def _download(self, url: str, held: _Held[P] | None, deadline_s: float) -> Download:
        try:
            return await self._fetcher.fetch(
                url,
                limit_bytes=MAX_FILE_BYTES,
                deadline_s=deadline_s,
                conditions=held.copy.conditions if held is not None else {},
                source=held.copy.source if held is not None else "",
            )
        except TryLater:
            raise
        except TooLarge:
            raise InvalidFileSize from None
        except UrlNotValid as error:
            raise RefusedUrl(error.detail) from None
        except FetchError as error:
            raise FileNotDownloaded(error.detail) from None

    def _is_fresh(self, copy: Copy) -> bool:
        """Never for a copy from the future: the clock was set, and its age is not known."""
        return 0 <= self._clock() - copy.confirmed_at <= self._stale_s

    # In threads

    def _held(self, url: str, _checkpoint: Checkpoint) -> _Held[P] | None:
        copy = self._copies.find(url, _RECIPE)
        prompt = self._store.find(copy.digest) if copy is not None else None
        if copy is None or prompt is None:
            return None
        return _Held(copy, RenderedPart.of(copy.digest, prompt))

    def _keep(self, url: str, copy: Copy, _checkpoint: Checkpoint) -> None:
        self._copies.keep(url, copy, _RECIPE)

    def _forget(self, url: str, _checkpoint: Checkpoint) -> None:
        self._copies.forget(url, _RECIPE)

    def _decode(self, body: bytes, kind: FileKind, checkpoint: Checkpoint) -> RenderedPart[P]:
        pcm = filled_up(self._decoders.decode(body, kind, checkpoint))
        digest = _digest(pcm)
        prompt = self._store.find(digest)
        return RenderedPart.of(digest, self._store.save(digest, pcm) if prompt is None else prompt)


def _first_come(places: int) -> DownloadSlots:
    free = asyncio.Semaphore(places)

    @asynccontextmanager
    async def hold(_url: str) -> AsyncIterator[None]:
        async with free:
            yield

    return hold


def _digest(pcm: memoryview) -> str:
    digest = hashlib.sha256(_RECIPE)
    digest.update(little_endian(pcm))
    return digest.hexdigest()
