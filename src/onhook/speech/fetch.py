"""What speech needs of a downloader. The server brings one that knows which addresses it may reach.

FetchError
  UrlNotValid       the address cannot be asked for at all
  FetchRefused      a rule forbids to ask for it (a private address, say)
  FetchFailed       no 200, a body that cannot be decoded
    TryLater        no whole answer in time, or one that speaks of a passing trouble
  TooLarge          more bytes than the limit
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

MAX_FILE_BYTES: Final = 10 * 1024 * 1024
"""Largest recording ("10 MB" in the API description, section 9)."""


class FetchError(Exception):
    """A download that gave no file. `detail` is a sentence that a customer may read."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        super().__init__(detail)


class UrlNotValid(FetchError):
    """The address cannot be asked for, whatever stands behind it."""


class FetchRefused(FetchError):
    """A rule of this installation forbids to ask for the address."""


class FetchFailed(FetchError):
    """The file was asked for and did not arrive."""


class TryLater(FetchFailed):
    """No whole answer came in time, or one that says nothing about the file (429, 5xx)."""


class TooLarge(FetchError):
    """The file has more bytes than the limit; the rest was not read."""


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
