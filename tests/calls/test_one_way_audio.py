"""What the figures of a stream say of audio that goes one way only."""

from dataclasses import replace

import pytest

from onhook.calls import one_way_audio
from onhook.calls.one_way_audio import Cause, OneWayWatch, Seen, cause_of
from onhook.media.stream import StreamStats
from onhook.phone.sdp import Direction, RemoteMedia, SdpCodec

NOTHING = StreamStats(**dict.fromkeys(StreamStats._fields, 0))
SENT = NOTHING._replace(sent_packets=200)
HEARD = SENT._replace(audio_packets=190, received_packets=190)
PRIVATE = "192.168.7.9"
OURS = "93.184.216.34"
PHONE = RemoteMedia("9.9.9.9", 4000, (SdpCodec.PCMU,))


def seen(stats: StreamStats, remote: RemoteMedia = PHONE, told: str = OURS) -> Seen:
    return Seen(remote, ("9.9.9.9",), told, stats)


@pytest.mark.parametrize(
    ("one", "cause"),
    [
        (seen(SENT), one_way_audio.FIREWALL),
        (seen(SENT, told="10.0.0.5"), one_way_audio.NO_PUBLIC_ADDRESS),
        (seen(SENT, replace(PHONE, ip=PRIVATE)), one_way_audio.PHONE_BEHIND_NAT),
        (seen(SENT, replace(PHONE, ip=PRIVATE), "10.0.0.5"), one_way_audio.NO_PUBLIC_ADDRESS),
        (seen(SENT, replace(PHONE, ip="2600::9"), "fd00::5"), one_way_audio.NO_PUBLIC_ADDRESS),
        (
            Seen(replace(PHONE, ip=PRIVATE), (PRIVATE,), "192.168.7.1", SENT),
            one_way_audio.FIREWALL,
        ),
        (seen(SENT._replace(unauthentic=9)), one_way_audio.ENCRYPTION),
        (seen(SENT._replace(foreign=9)), one_way_audio.UNEXPECTED_ADDRESS),
        (seen(SENT._replace(foreign=9, noise_packets=9)), one_way_audio.COMFORT_NOISE),
        (seen(SENT._replace(received_packets=9, other_packets=9)), one_way_audio.PAYLOAD_TYPE),
        (seen(SENT._replace(sent_packets=99)), None),
        (seen(SENT, replace(PHONE, direction=Direction.SENDONLY)), None),
        (seen(SENT, replace(PHONE, direction=Direction.RECVONLY)), None),
        (seen(HEARD), None),
        (seen(HEARD._replace(rtcp_packets=1)), None),
        (seen(HEARD._replace(rtcp_packets=2)), one_way_audio.NOT_RECEIVED),
        (
            seen(HEARD._replace(rtcp_packets=2, reports=1, reported_of=100, reported_lost=98)),
            one_way_audio.NOT_RECEIVED,
        ),
        (seen(HEARD._replace(rtcp_packets=2, reports=1, reported_of=99, reported_lost=99)), None),
        (seen(HEARD._replace(rtcp_packets=9, reports=9, reported_of=190)), None),
    ],
)
def test_the_cause(one: Seen, cause: Cause | None) -> None:
    assert cause_of(one) is cause


async def test_it_is_told_of_once_and_not_after_a_short_call() -> None:
    found: list[Cause] = []
    looks = 0

    def look() -> Seen:
        nonlocal looks
        looks += 1
        return seen(SENT)

    watch = OneWayWatch(look, lambda cause, _: found.append(cause))
    watch.stop()
    watch.answered()
    watch.answered()
    watch.stop()
    watch.stop()
    assert (found, looks) == ([], 0)
