"""SVOX Pico in a process of its own; see `loop`.

    python -m onhook.speech.workers.pico ALARM_S

A job is JSON: `{"voice": "de-DE", "text": "...", "levels": {"volume": 35}}`; levels are per cent of the
voice's own, also of `speed` and `pitch`. Its library is C that reads strangers' text, and keeps the
interpreter's lock while it speaks.
"""

import json
import resource
import struct
import sys
import unicodedata
from collections.abc import Callable
from typing import Final

from onhook.speech.workers.loop import refused, serve

_RATE_HZ: Final = 16_000
_MEMORY_BYTES: Final = 256 * 1024 * 1024


def load() -> Callable[[bytes], bytes]:
    """Load the library; what is returned answers a job. Raises `ImportError` without its package."""
    from py_nanotts import NanoTTS

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    engine = NanoTTS()

    def answer(job: bytes) -> bytes:
        wish = json.loads(job)
        # Not by the arguments for it, which close these tags again: half a second later that is a click.
        levels = "".join(f'<{name} level="{level}">' for name, level in wish["levels"].items())
        try:
            pcm: bytes = engine.speak(levels + plain(wish["text"]), wish["voice"])
        except (RuntimeError, ValueError) as error:  # neither repeats the text
            return refused(f"the engine failed: {error}")
        return b"+" + struct.pack(">I", _RATE_HZ) + pcm

    return answer


def plain(text: str) -> str:
    """`text` without what ends it (NUL) or commands the engine: it knows tags, some of which name files."""
    return "".join(
        " " if character in "<>" or unicodedata.category(character) in ("Cc", "Cs") else character
        for character in text
    )


if __name__ == "__main__":
    serve(load, float(sys.argv[1]))
