"""What speech needs of a downloader. The server brings one that knows which addresses it may reach.

FetchError
  UrlNotValid       the address cannot be asked for at all
  FetchRefused      a rule forbids to ask for it (a private address, say)
  FetchFailed       no answer, no 200, an encoded or half body, too late
  TooLarge          more bytes than the limit
"""

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


class TooLarge(FetchError):
    """The file has more bytes than the limit; the rest was not read."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that arrived whole."""

    body: bytes = field(repr=False)


class Fetcher(Protocol):
    """Downloads a file without trusting who named it."""

    async def fetch(self, url: str, *, limit_bytes: int, deadline_s: float) -> Download:
        """The file at `url`, whole, within `deadline_s` seconds from now.

        Raises a leaf of `FetchError`, and stops reading after `limit_bytes`.
        """
