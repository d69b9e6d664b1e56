"""Offer and answer of a call, as they are kept. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast, get_args

from onhook.phone.kept.keys import kept_keys, keys_of
from onhook.phone.kept.media import kept_media, media_of
from onhook.phone.kept.reading import Fields, KeptUnreadable
from onhook.phone.sdp_types import Offer, RemoteMedia, SdpCodec
from onhook.phone.sdp_writer import LocalMedia
from onhook.phone.srtp.crypto import Agreed, Crypto
from onhook.phone.srtp.negotiation import Policy

_NONE: dict[str, str] = {}


class SessionState(NamedTuple):
    """All that a `MediaSession` is made of. `cryptos` are the lines of our last offer; of `offered` the m=
    lines matter, and which was taken."""

    session_id: int
    codecs: tuple[SdpCodec, ...]
    ptime_ms: int
    wanted: Policy
    heard_early: bool
    agreed: Agreed | None
    cryptos: tuple[Crypto, ...]
    local: LocalMedia | None
    media: RemoteMedia | None
    offered: Offer | None
    dtmf: int | None
    said: bytes


class KeptSession:
    """What was kept of one session last: made anew only when it is another."""

    __slots__ = ("_kept", "_keys", "_of")

    def __init__(self) -> None:
        self._of: SessionState | None = None
        self._kept: dict[str, Any] = {}
        self._keys = _NONE

    def of(self, state: SessionState) -> tuple[dict[str, Any], dict[str, str]]:
        """The object, and its texts that are secrets."""
        if state != self._of:
            self._of, (self._kept, self._keys) = state, _made(state)
        return self._kept, self._keys


def _made(state: SessionState) -> tuple[dict[str, Any], dict[str, str]]:
    secret = state.agreed is not None or state.cryptos != ()
    said, local, offered = state.said.decode("ascii"), state.local, state.offered
    kept = {
        "id": state.session_id,
        "codecs": [codec.name for codec in state.codecs],
        "ptime_ms": state.ptime_ms,
        "srtp": state.wanted,
        "early": state.heard_early,
        "ip": local.ip if local else None,
        "at": [local.port, local.version, local.ptime_ms] if local else None,
        "media": kept_media(state.media) if state.media else None,
        "streams": [*offered.streams] if offered else None,
        "taken": offered.taken if offered else None,
        "dtmf": state.dtmf,
        "said": None if secret else said,
    }
    return kept, {"srtp": kept_keys(state.agreed, state.cryptos), "said": said} if secret else _NONE


def read_session(fields: Fields, keys: Mapping[str, str]) -> SessionState:
    """The reverse. Raises `KeptUnreadable`."""
    agreed, cryptos = keys_of(keys["srtp"]) if "srtp" in keys else (None, ())
    try:
        codecs = tuple(SdpCodec[name] for name in fields.texts("codecs"))
    except KeyError as error:
        raise KeptUnreadable("session has no such codec") from error
    wanted, media = fields.text("srtp"), None
    if wanted not in get_args(Policy):
        raise KeptUnreadable("session has no such srtp")
    if fields.has("media"):
        media = media_of(fields.part("media"), agreed)
    return SessionState(
        fields.number("id"),
        codecs,
        fields.number("ptime_ms"),
        cast(Policy, wanted),
        fields.flag("early"),
        agreed,
        cryptos,
        _local(fields),
        media,
        _offered(fields, media),
        fields.number("dtmf") if fields.has("dtmf") else None,
        (keys["said"] if "said" in keys else fields.text("said")).encode("ascii", "replace"),
    )


def _local(fields: Fields) -> LocalMedia | None:
    if not fields.has("at"):
        return None
    match fields.numbers("at"):
        case (port, version, ptime_ms):
            return LocalMedia(fields.text("ip"), port, fields.number("id"), version, ptime_ms)
    raise KeptUnreadable("session has no such at")


def _offered(fields: Fields, media: RemoteMedia | None) -> Offer | None:
    if not fields.has("streams") or media is None:
        return None
    streams, taken = fields.texts("streams"), fields.number("taken")
    if not 0 <= taken < len(streams) or len(streams[taken].split()) < 4:
        raise KeptUnreadable("session has no such streams")
    return Offer(media, streams, taken)
