"""What was agreed of the audio, as it is kept: all of it but its keys. Pure."""

from typing import Any

from onhook.phone.kept.reading import Fields, KeptUnreadable
from onhook.phone.sdp_types import Direction, RemoteMedia, SdpCodec
from onhook.phone.srtp.crypto import Agreed


def kept_media(media: RemoteMedia) -> dict[str, Any]:
    """What a peer says about its audio; `cryptos` and `srtp` are left out."""
    return {
        "ip": media.ip,
        "port": media.port,
        "codecs": [codec.name for codec in media.codecs],
        "dtmf": media.dtmf_payload_type,
        "dtmf_from_peer": media.dtmf_from_peer,
        "ptime_ms": media.ptime_ms,
        "maxptime_ms": media.maxptime_ms,
        "packet_ms": media.packet_ms,
        "direction": media.direction.value,
        "types": [[codec.name, number] for codec, number in media.payload_types.items()],
        "rtcp": [*media.rtcp] if media.rtcp else None,
        "rtcp_mux": media.rtcp_mux,
        "comfort_noise": media.comfort_noise,
        "said_ipv6": media.said_ipv6,
    }


def media_of(fields: Fields, srtp: Agreed | None) -> RemoteMedia:
    """The reverse, with the keys that were agreed. Raises `KeptUnreadable`."""
    try:
        codecs = tuple(SdpCodec[name] for name in fields.texts("codecs"))
        types = {SdpCodec[each[0]]: int(each[1]) for each in _pairs(fields)}
        direction = Direction(fields.text("direction"))
    except (KeyError, ValueError) as error:
        raise KeptUnreadable("media have no such codec or direction") from error
    if not codecs:
        raise KeptUnreadable("media have no codec")
    return RemoteMedia(
        ip=fields.text("ip"),
        port=fields.number("port"),
        codecs=codecs,
        dtmf_payload_type=_number(fields, "dtmf"),
        ptime_ms=_number(fields, "ptime_ms"),
        direction=direction,
        dtmf_from_peer=_number(fields, "dtmf_from_peer"),
        payload_types=types,
        rtcp=_rtcp(fields),
        rtcp_mux=fields.flag("rtcp_mux"),
        comfort_noise=fields.flag("comfort_noise"),
        srtp=srtp,
        said_ipv6=fields.flag("said_ipv6"),
        packet_ms=fields.number("packet_ms"),
        maxptime_ms=_number(fields, "maxptime_ms"),
    )


def _number(fields: Fields, name: str) -> int | None:
    return fields.number(name) if fields.has(name) else None


def _pairs(fields: Fields) -> list[tuple[str, int]]:
    pairs: list[tuple[str, int]] = []
    for one in fields.array("types"):
        match one:
            case [str(name), int(number)]:
                pairs.append((name, number))
            case _:
                raise KeptUnreadable("media have no such types")
    return pairs


def _rtcp(fields: Fields) -> tuple[str, int] | None:
    if not fields.has("rtcp"):
        return None
    match fields.array("rtcp"):
        case [str(ip), int(port)]:
            return ip, port
    raise KeptUnreadable("media have no such rtcp")
