"""Voices of any text-to-speech service that is asked by HTTP and answers wav.

    HTTP_VOICE_URL     where to POST {"text": ..., "language": ..., "gender": ...} as JSON
    HTTP_VOICE_KEY     what to send as `Authorization: Bearer ...`; may be left out
    HTTP_VOICE_SPEAKS  what it speaks: `sv-SE female, sv-SE male`

Set them in the environment of `onhook serve`, of `onhook voices` and of `onhook say`. Another
service wants its wishes in another form: change `synthesise`, which may block, since Onhook
calls it in a process of its own.
"""

import os
from dataclasses import dataclass

from onhook.speech.plugins import CannotSpeak, Speaker
from onhook.speech.voices import Sound

_TIMEOUT_S = 8  # Onhook gives up after 10
_MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class HttpVoice:
    """One language and gender of the service (an `onhook.speech.plugins.Speaker`)."""

    url: str
    language: str
    gender: str
    version: str = "1"  # raise it when the service sounds otherwise: prompts are kept under it
    quality: str = "neural"

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return f"{self.language}-{self.gender}"

    def synthesise(self, text: str) -> Sound:
        """Ask the service. Raises `CannotSpeak` when it does not answer with sound."""
        import io  # here, and not above: the server imports this module while it starts
        import json
        from http.client import HTTPException
        from urllib.request import Request, urlopen

        import soundfile

        wish = {"text": text, "language": self.language, "gender": self.gender}
        headers = {"Content-Type": "application/json", "Accept": "audio/wav"}
        if key := os.environ.get("HTTP_VOICE_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        try:
            with urlopen(
                Request(self.url, json.dumps(wish).encode(), headers), None, _TIMEOUT_S
            ) as reply:
                body = reply.read(_MOST_BYTES)
            samples, rate_hz = soundfile.read(io.BytesIO(body), dtype="float32", always_2d=True)
        except (OSError, HTTPException) as error:  # HTTPError and time-outs are an OSError
            raise CannotSpeak(f"the service failed: {error}") from error
        except soundfile.LibsndfileError as error:
            raise CannotSpeak("the service answered something else than wav") from error
        return Sound(samples.mean(axis=1), rate_hz)


def voices() -> list[Speaker]:
    """The voices that the environment tells of (the entry point)."""
    url = os.environ.get("HTTP_VOICE_URL")
    if not url:
        return []
    spoken = [each.split() for each in os.environ.get("HTTP_VOICE_SPEAKS", "").split(",")]
    return [HttpVoice(url, language, gender) for language, gender in spoken]
