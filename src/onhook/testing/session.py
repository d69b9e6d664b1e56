"""The offers and answers of one call (RFC 3264), and the sound that they agree on."""

from collections.abc import Mapping, Sequence

from onhook.testing import sdp_text
from onhook.testing.audio import Audio, AudioRoute
from onhook.testing.g711 import SILENCE, Pcm
from onhook.testing.sdp_text import EVENTS, AudioDescription

_NOWHERE = ("0.0.0.0", "::")
_MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly"}


class Session:
    """What the phone describes of itself, and where its sound goes.

    codecs: names that the phone takes, in order, `telephone-event` among them if wanted.
    payload_types: the numbers of an offer of the phone; an answer uses those of the offer, but for
        what `answered_types` names.
    """

    def __init__(
        self, audio: Audio, codecs: Sequence[str], payload_types: Mapping[str, int]
    ) -> None:
        self.audio = audio
        self.codecs = tuple(codecs)
        self.speech: Pcm | None = None
        """Said as soon as there is somebody to hear it."""
        self.answered_types: Mapping[str, int] = {}
        """Numbers that an answer asks for in place of those of the offer (RFC 3264 6.1)."""
        self.nowhere = False
        """Give 0.0.0.0 for an address, which holds the call (RFC 2543)."""
        self._payload_types = dict(payload_types)
        self._version = 0

    def choose(
        self, codecs: Sequence[str] | None = None, payload_types: Mapping[str, int] | None = None
    ) -> None:
        """Have other codecs and numbers from the next offer on."""
        if codecs is not None:
            events = (EVENTS,) if EVENTS in self.codecs and EVENTS not in codecs else ()
            self.codecs = (*codecs, *events)
        self._payload_types.update(payload_types or {})

    def offer(self, direction: str = "sendrecv") -> bytes:
        """Describe everything that the phone has."""
        keys = self.audio.encryption
        lines = keys.offer() if keys else []
        transport = keys.transport if keys else "RTP/AVP"
        return self._write(self.codecs, self._payload_types, direction, transport, lines)

    def answer(self, offer: AudioDescription) -> bytes | None:
        """Describe the first codec of the offer that the phone has; None if it has none, or has not the
        keys that it would need."""
        chosen = offer.codec_of([name for name in self.codecs if name != EVENTS])
        keys = self.audio.encryption
        lines = keys.answer(offer.cryptos) if keys else []
        if chosen is None or lines is None or (not lines and "SAVP" in offer.transport):
            return None
        number, name = chosen
        codecs, types = [name], {name: number}
        if offer.events_type is not None and EVENTS in self.codecs:
            codecs.append(EVENTS)
            types[EVENTS] = self.answered_types.get(EVENTS, offer.events_type)
        direction = _MIRRORED.get(offer.direction, offer.direction)
        return self._write(codecs, types, direction, offer.transport, lines)

    def take(self, media: AudioDescription | None) -> None:
        """Send sound as the other side's description asks for it, or none if it wants none."""
        if media is None:
            return
        chosen = media.codec_of([name for name in self.codecs if name in SILENCE])
        if chosen is None:
            return
        if self.audio.encryption is not None:
            self.audio.encryption.take(media.cryptos)
        if media.direction in ("sendonly", "inactive"):
            self.audio.pause()
            return
        number, law = chosen
        events_type = media.events_type if EVENTS in self.codecs else None
        self.audio.start(AudioRoute(media.address, law, number, events_type))
        if self.speech is not None:
            self.audio.say(self.speech)
            self.speech = None

    def _write(
        self,
        codecs: Sequence[str],
        types: Mapping[str, int],
        direction: str,
        transport: str,
        cryptos: Sequence[str],
    ) -> bytes:
        self._version += 1  # RFC 3264 8: each new description of the session has the next one
        host, port = self.audio.address
        self.audio.recording.learn({types[name]: name for name in codecs})
        return sdp_text.write(
            (_NOWHERE[":" in host] if self.nowhere else host, port), codecs, types,
            session_id=1, version=self._version, direction=direction, ptime_ms=self.audio.frame_ms,
            transport=transport, cryptos=cryptos,
        )  # fmt: skip
