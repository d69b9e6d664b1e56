"""libsndfile, held to the formats of the API and to reading forward."""

import io
from types import TracebackType
from typing import Final

import soundfile

from onhook.speech.downloads.kinds import FileKind
from onhook.speech.errors import InvalidFileFormat
from onhook.speech.narrowband import RATE_HZ
from onhook.speech.voices import Samples

CHUNK_FRAMES: Final = 65_536
"""Frames that are decoded at a time."""

# What libsndfile calls it: the formats of each kind, and the codecs within. Telephone systems and
# sound editors write these; the rarer codecs that libsndfile knows are left out.
_FORMATS: Final = {
    FileKind.MP3: ("MP3",),
    FileKind.WAV: ("WAV", "WAVEX"),
    FileKind.GSM: ("RAW",),
}
_PCM_CODECS: Final = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
_CODECS: Final = {
    FileKind.MP3: ("MPEG_LAYER_III",),
    FileKind.WAV: (*_PCM_CODECS, "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"),
    FileKind.GSM: ("GSM610",),
}


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # the package has no types
    """A file that is only ever read onward.

    After each read of a file that can be sought, soundfile seeks to where it already is. In an mp3
    that throws away what the decoder knew of the frames before: noise at every chunk.
    """

    def seekable(self) -> bool:
        return False


class Decoder:
    """The sound of `body` in chunks. Raises `InvalidFileFormat` wherever libsndfile gives up."""

    def __init__(self, body: bytes, kind: FileKind) -> None:
        file = io.BytesIO(body)
        try:
            self._file = _open(file, kind)
        except (soundfile.SoundFileError, TypeError, ValueError):
            raise InvalidFileFormat(
                f"The file of a <url> in msg is a damaged or unknown {kind.value} recording."
            ) from None
        if self._file.format not in _FORMATS[kind] or self._file.subtype not in _CODECS[kind]:
            self._file.close()
            raise InvalidFileFormat(
                f"The {kind.value} file of a <url> in msg is encoded in a way that is not "
                "supported; 16-bit PCM is."
            )
        self.rate_hz = int(self._file.samplerate)
        self.channels = int(self._file.channels)

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self) -> Samples:
        """The next chunk, shape (n, channels); empty at the end."""
        try:
            frames: Samples = self._file.read(CHUNK_FRAMES, dtype="float32", always_2d=True)
        except soundfile.SoundFileError:
            raise InvalidFileFormat(
                "The file of a <url> in msg is damaged: it cannot be decoded to its end."
            ) from None
        return frames


def _open(file: io.BytesIO, kind: FileKind) -> soundfile.SoundFile:
    if kind is FileKind.GSM:
        return _Forward(file, format="RAW", subtype="GSM610", samplerate=RATE_HZ, channels=1)
    return _Forward(file)
