"""The kinds of recording that a `<url>` may name (API description, section 9)."""

from enum import Enum
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from onhook.speech.errors import InvalidFileFormat


class FileKind(Enum):
    """By extension. Its place among them is what a decoding process is told."""

    MP3 = ".mp3"
    WAV = ".wav"
    GSM = ".gsm"


def named_kind(url: str) -> FileKind:
    """The kind that the path of `url` claims. Raises `InvalidFileFormat` for another extension."""
    _, _, name = unquote(urlsplit(url).path).rpartition("/")
    try:
        return FileKind(PurePosixPath(name).suffix.lower())
    except ValueError:
        raise InvalidFileFormat(
            "The address in a <url> of msg must end in .mp3, .wav or .gsm (before any ?)."
        ) from None
