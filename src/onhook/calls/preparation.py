"""What a request needs before it may begin: its notify_url reachable, its message ready to play."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from onhook import urls
from onhook.blocks import BlockRequest, Refused
from onhook.calls.speaking import NOTHING, PreparedMessage
from onhook.media.prompt import Prompt
from onhook.message import Fetch, Message
from onhook.notify.downloads import Downloader
from onhook.notify.errors import (
    DownloadError,
    DownloadFailed,
    DownloadRefused,
    DownloadTooLarge,
    UnableToCompleteHandshake,
    UnableToResolve,
    Unreachable,
)
from onhook.notify.reachability import Reachability
from onhook.notify.slots import Slots
from onhook.speech import fetch
from onhook.speech.downloads.downloads import DownloadSlots
from onhook.speech.errors import MessageError, RefusedUrl
from onhook.speech.renderer import Renderer
from onhook.urls import UrlRefused, WebUrl

_DOWNLOADS = 32  # each may take 10 MB until it is decoded
_DOWNLOADS_PER_SERVER = 8
_PASSING = frozenset({408, 425, 429})  # besides 5xx: the server says nothing about the file


class MessageReader:
    """Reads ``msg``, as the voices have it that are installed here (blocks.ReadMessage)."""

    def __init__(self, renderer: Renderer[Prompt]) -> None:
        self._renderer = renderer

    def __call__(self, text: str) -> Message:
        """The message. Raises :class:`Refused`."""
        try:
            message = self._renderer.check(text)
        except MessageError as error:
            raise Refused(error.status, error.detail) from error
        for part in message:
            if isinstance(part, Fetch):
                _check_download(part.url)
        return message


def _check_download(url: str) -> None:
    """What the downloader would refuse unseen is a fault of the text, so it counts as one."""
    try:
        urls.parse(url)
    except UrlRefused as error:
        detail = f"A <url> of msg cannot be used: {error.detail}."
        raise Refused(RefusedUrl.status, detail) from error


class Preparation:
    """Checks the notify_url's host and renders the message, side by side, within one deadline."""

    def __init__(
        self, reachability: Reachability, renderer: Renderer[Prompt], deadline_s: float
    ) -> None:
        self._reachability = reachability
        self._renderer = renderer
        self._deadline_s = deadline_s

    async def prepare(
        self, request: BlockRequest, given_up: "asyncio.Future[None]"
    ) -> PreparedMessage:
        """The request's message, once it can begin to play and everything else is there.

        Of two failures the notify_url's decides, as in the documented order. Returns early, with
        nothing, when ``given_up`` is done: then the call went to its end. Raises :class:`Refused`.
        """
        targets = [target for target in request.told if not self._reachability.known(target)]
        message = request.message
        if not targets:
            if message is None:
                return NOTHING
            if (at_hand := self._renderer.at_hand(message)) is not None:
                return PreparedMessage(at_hand.first, at_hand.rest, message)
        work = asyncio.ensure_future(self._work(targets, message))
        try:
            await asyncio.wait((work, given_up), return_when=asyncio.FIRST_COMPLETED)
            return work.result() if work.done() else NOTHING
        finally:
            work.cancel()
            del work  # its error has this frame: they would refer to one another

    async def _work(self, targets: Sequence[WebUrl], message: Message | None) -> PreparedMessage:
        if not targets:
            return await self._begin(message)
        beginning = asyncio.ensure_future(self._begin(message))
        try:
            for target in targets:
                await self._reach(target)
            return await asyncio.shield(beginning)
        except BaseException:
            beginning.add_done_callback(_close_unused)
            beginning.cancel()
            await asyncio.gather(beginning, return_exceptions=True)
            raise

    async def _reach(self, target: WebUrl) -> None:
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._reachability.check(target)
        except Unreachable as error:
            raise Refused(error.status, f"notify_url cannot be called: {error.detail}.") from error
        except TimeoutError:
            late = UnableToCompleteHandshake if target.scheme == "https" else UnableToResolve
            detail = f"its host was not reached within {self._deadline_s:g} s"
            raise Refused(late.status, f"notify_url cannot be called: {detail}.") from None

    async def resolve_forward_to(self, target: WebUrl) -> None:
        """Returns if calls may be told to this URL. Raises :class:`Refused`.

        Its host need not answer now: it is asked when a call comes in.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._reachability.resolve(target)
        except UnableToResolve as error:
            reason = error.detail
        except TimeoutError:
            reason = f"its host was not found within {self._deadline_s:g} s"
        else:
            return
        detail = f"forward_to cannot be called: {reason}."
        raise Refused("error_unable_to_resolve_forward_to", detail)

    async def _begin(self, message: Message | None) -> PreparedMessage:
        if message is None:
            return NOTHING
        try:
            rendering = await self._renderer.begin(message, deadline_s=self._deadline_s)
        except MessageError as error:
            raise Refused(error.status, error.detail) from error
        return PreparedMessage(rendering.first, rendering.rest, message)


def _close_unused(beginning: "asyncio.Future[PreparedMessage]") -> None:
    if not beginning.cancelled() and beginning.exception() is None:
        beginning.result().close()


def download_slots(
    total: int = _DOWNLOADS, per_server: int = _DOWNLOADS_PER_SERVER
) -> DownloadSlots:
    """Slots of downloads that go on at the same time, which no single server can take up.

    A server that hangs keeps each place until a deadline: the messages of other customers, whose
    recordings are elsewhere, would not be ready in time.
    """
    slots = Slots(total, per_server)

    def hold(url: str) -> AbstractAsyncContextManager[None]:
        try:
            return slots.hold(urls.parse(url).host_header)
        except UrlRefused:
            return slots.hold("")  # it will be refused when it is asked for

    return hold


class CheckedFetcher:
    """Downloads for speech, through the module that decides which addresses may be called."""

    def __init__(self, client: Downloader) -> None:
        self._client = client

    async def fetch(
        self,
        url: str,
        *,
        limit_bytes: int,
        deadline_s: float,
        conditions: Mapping[str, str] | None = None,
        source: str = "",
    ) -> fetch.Download:
        """The file at ``url``; raises what speech expects of its downloader."""
        try:
            target = urls.parse(url)
        except UrlRefused as error:
            raise fetch.UrlNotValid(f"A <url> of msg cannot be used: {error.detail}.") from error
        try:
            download = await self._client.download(
                target, limit_bytes, deadline_s, conditions, lambda at: source in ("", _hash(at))
            )
        except DownloadTooLarge as error:
            raise fetch.TooLarge from error
        except DownloadRefused as error:
            raise fetch.FetchRefused(f"A <url> of msg may not be called: {error}.") from error
        except DownloadError as error:
            failed = fetch.TryLater if _passing(error) else fetch.FetchFailed
            raise failed(f"The file of a <url> of msg could not be downloaded: {error}.") from error
        return fetch.Download(
            download.body, download.headers, download.not_modified, _hash(download.url)
        )


def _hash(url: WebUrl) -> str:
    return hashlib.sha256(str(url).encode()).hexdigest()


def _passing(error: DownloadError) -> bool:
    """Whether the failure says nothing about the file: no whole answer, or a trouble of the server."""
    if not isinstance(error, DownloadFailed):
        return False
    status = error.status
    return status is None or status >= 500 or status in _PASSING
