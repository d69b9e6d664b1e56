"""What speech needs of a downloader. The server brings one that knows which addresses it may reach.

What it raises, a leaf of `FetchError`, stands in `errors`, and can be had from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from onhook.speech.errors import (
    FetchError,
    FetchFailed,
    FetchRefused,
    TooLarge,
    TryLater,
    UrlNotValid,
)

__all__ = [
    "MAX_FILE_BYTES",
    "Download",
    "FetchError",
    "FetchFailed",
    "FetchRefused",
    "Fetcher",
    "TooLarge",
    "TryLater",
    "UrlNotValid",
]

MAX_FILE_BYTES: Final = 10 * 1024 * 1024
"""Largest recording ("10 MB" in the API description, section 9)."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that arrived whole, or the news that the copy which was asked about is still good."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the reply, by lower-case name; `etag` and `last-modified` are looked at."""
    not_modified: bool = False
    """304: there is no body."""
    source: str = ""
    """A hash of the address that it came from: the one asked for may lead elsewhere."""


class Fetcher(Protocol):
    """Downloads a file without trusting who named it."""

    async def fetch(
        self,
        url: str,
        *,
        limit_bytes: int,
        deadline_s: float,
        conditions: Mapping[str, str] | None = None,
        source: str = "",
    ) -> Download:
        """The file at `url`, whole, within `deadline_s` seconds from now.

        `conditions` are request headers (`If-None-Match`, `If-Modified-Since`): only with them is a
        304 an answer. They are of the file from `source`, and nobody else is asked with them; without
        one, whoever has the file is. Raises a leaf of `FetchError`, and stops reading after `limit_bytes`.
        """
