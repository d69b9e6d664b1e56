"""Reports on what is sent and received (RFC 3550 section 6)."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from media import rtcp_text
from media.rtcp_text import BYE, RR, SDES, SR, Block, Compound
from media.rtp_peer import PATIENCE_S, SPOKEN, Ear, Packet, RtpPeer
from onhook.media import Codec, MediaPlane, Stream
from ports import free_ports

PEER_SSRC = 7
NTP_UNIX_S = 2208988800


class RtcpPeer:
    """A socket for RTCP."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.socket.setblocking(False)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.socket.getsockname()
        return host, port

    def send(self, data: bytes, port: int) -> None:
        self.socket.sendto(data, ("127.0.0.1", port))

    async def receive(self) -> Compound:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            return rtcp_text.parse(await loop.sock_recv(self.socket, 2048))

    def waiting(self) -> list[Compound]:
        found = []
        while True:
            try:
                found.append(rtcp_text.parse(self.socket.recv(2048)))
            except BlockingIOError:
                return found


@pytest.fixture
def reporter() -> Iterator[RtcpPeer]:
    reporter = RtcpPeer()
    yield reporter
    reporter.socket.close()


OpenReported = Callable[..., Stream]


@pytest.fixture
async def open_reported(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, reporter: RtcpPeer
) -> AsyncIterator[OpenReported]:
    def open_one(**how: object) -> Stream:
        agreed = {
            "codec": Codec.PCMU,
            "dtmf_payload_type": 101,
            "listener": ear,
            "remote_rtcp": reporter.address,
            **how,
        }
        return plane.open(plane.reserve(), remote=peer.address, **agreed)  # type: ignore[arg-type]

    yield open_one


def speak(peer: RtpPeer, stream: Stream, numbers: list[int]) -> None:
    for number in numbers:
        packet = Packet(False, 0, number % 2**16, 160 * number, PEER_SSRC, SPOKEN)
        peer.send(packet.encode(), stream.port)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_sender_reports_what_it_sent_and_what_it_heard(
    open_reported: OpenReported, peer: RtpPeer, ear: Ear, reporter: RtcpPeer
) -> None:
    began_s = time.time()
    stream = open_reported()
    speak(peer, stream, [65534, 65535, 65536, 65538, 65539])
    await ear.until_rtp()
    said = await reporter.receive()
    now_s = time.time()
    peer.all_waiting()
    first = peer.all[0]
    assert said.kinds == [SR, SDES]
    assert said.ssrc == first.ssrc
    assert began_s - 0.001 < said.ntp / 2**32 - NTP_UNIX_S < now_s + 0.001
    counted = peer.all[: said.packets]
    assert len(counted) == said.packets
    assert said.octets == sum(len(packet.payload) for packet in counted)
    ahead = (said.timestamp - counted[-1].timestamp) % 2**32
    assert ahead <= 160, "the RTP timestamp is that of the same moment"
    (block,) = said.blocks
    assert (block.ssrc, block.lost, block.highest) == (PEER_SSRC, 1, 65539)
    assert block.fraction == 256 // 6
    assert (block.last_report, block.delay) == (0, 0)
    ((kind, name),) = said.items
    assert kind == 1
    assert len(name) == 16
    assert socket.gethostname().encode() not in name


async def test_a_name_is_new_in_each_call(open_reported: OpenReported, reporter: RtcpPeer) -> None:
    for _ in range(2):
        open_reported()
    names: dict[int, bytes] = {}
    while len(names) < 2:
        said = await reporter.receive()
        names[said.ssrc] = said.items[0][1]
    assert len({*names.values()}) == 2


async def test_reports_come_every_few_seconds(
    plane: MediaPlane, open_reported: OpenReported, reporter: RtcpPeer
) -> None:
    """RFC 3550 6.3.1, by the timestamps of the reports."""
    open_reported()
    times = [(await reporter.receive()).ntp / 2**32 for _ in range(2)]
    late_s = plane.health().late_max_s  # as far as the machine lets the media thread keep time
    assert 2.0 - late_s < times[1] - times[0] < 6.3 + late_s


async def test_a_peer_on_hold_gets_reports_and_nothing_else(
    open_reported: OpenReported, peer: RtpPeer, reporter: RtcpPeer, ear: Ear
) -> None:
    stream = open_reported(on_hold=True)
    speak(peer, stream, [1, 2])
    await ear.until_rtp()
    said = await reporter.receive()
    assert said.kinds == [RR, SDES]
    assert [block.ssrc for block in said.blocks] == [PEER_SSRC]
    assert peer.all_waiting() == []


async def test_a_closed_stream_gets_no_reports(
    open_reported: OpenReported, reporter: RtcpPeer, ear: Ear
) -> None:
    """RFC 3264 5.1 and 6. The first report is due within 3.1 s, and none is made up for."""
    stream = open_reported()
    stream.agree(Codec.PCMU, 101, on_hold=True, sends_reports=False)
    await asyncio.sleep(3.3)
    assert reporter.waiting() == []
    stream.agree(Codec.PCMU, 101)
    assert (await reporter.receive()).kinds == [SR, SDES]
    stream.agree(Codec.PCMU, 101, on_hold=True, sends_reports=False)
    stream.close()
    await ear.until_closed()
    assert reporter.waiting() == []


async def test_the_end_is_told(
    open_reported: OpenReported, peer: RtpPeer, reporter: RtcpPeer, ear: Ear
) -> None:
    stream = open_reported()
    await peer.receive_all(3)
    stream.close()
    await ear.until_closed()
    said = reporter.waiting()[-1]
    assert said.kinds == [SR, SDES, BYE]


async def test_who_was_never_there_does_not_say_good_bye(
    open_reported: OpenReported, reporter: RtcpPeer, ear: Ear
) -> None:
    """RFC 3550 6.3.7"""
    stream = open_reported(on_hold=True)
    stream.close()
    await ear.until_closed()
    assert reporter.waiting() == []


async def test_what_the_peer_reports_is_known(
    open_reported: OpenReported, peer: RtpPeer, reporter: RtcpPeer, ear: Ear
) -> None:
    """And the way there and back is made of it; the delay of its sender's report of ours."""
    stream = open_reported()
    speak(peer, stream, [1])
    await ear.until_rtp()
    ours = await reporter.receive()
    sent_ntp = int((time.time() + NTP_UNIX_S) * 2**32)
    peer.all_waiting()
    newest = peer.all[-1]
    block = Block(ours.ssrc, 3, 2, 0x10000 | newest.sequence, 12, (ours.ntp >> 16) & 0xFFFFFFFF, 0)
    before_s = time.monotonic()
    reporter.send(rtcp_text.report(PEER_SSRC, block, ntp=sent_ntp), stream.port + 1)
    await until(lambda: stream.report is not None)
    assert stream.report is not None
    assert before_s <= stream.report.at_s <= time.monotonic()
    assert stream.report.received_s <= stream.report.at_s
    assert stream.report.lost == 2
    answer = await reporter.receive()
    assert answer.blocks[0].last_report == (sent_ntp >> 16) & 0xFFFFFFFF
    assert 0 < answer.blocks[0].delay < 65536 * PATIENCE_S
    stream.close()
    stats = await ear.until_closed()
    assert (stats.reports, stats.reported_lost, stats.reported_jitter) == (1, 2, 12)
    assert stats.reported_highest == 0x10000 | newest.sequence
    assert 0 < stats.round_trip_us < PATIENCE_S * 1_000_000
    assert stats.rtcp_refused == 0


async def test_nobody_else_is_believed(
    open_reported: OpenReported, peer: RtpPeer, reporter: RtcpPeer, ear: Ear
) -> None:
    """Not from another host, not under another SSRC, not of what was never sent, and no rubbish."""
    stream = open_reported()
    speak(peer, stream, [1])
    await ear.until_rtp()
    ours = (await reporter.receive()).ssrc
    peer.all_waiting()
    block = Block(ours, highest=peer.all[-1].sequence)
    elsewhere = RtcpPeer("127.0.0.2")
    good = rtcp_text.report(PEER_SSRC, block)
    elsewhere.send(good, stream.port + 1)
    reporter.send(rtcp_text.report(8, block), stream.port + 1)
    reporter.send(good[:31], stream.port + 1)
    reporter.send(b"\x80" + good[1:3] + b"\xff" + good[4:], stream.port + 1)
    await asyncio.sleep(1.2)
    ahead = Block(ours, highest=(peer.all[-1].sequence + 20000) % 2**16)
    reporter.send(rtcp_text.report(PEER_SSRC, ahead), stream.port + 1)
    reporter.send(b"", stream.port + 1)
    await asyncio.sleep(1.2)
    assert stream.report is None
    assert elsewhere.waiting() == []
    elsewhere.socket.close()
    reporter.send(rtcp_text.report(PEER_SSRC, block, bye=True), stream.port + 1)
    await until(lambda: stream.report is not None)
    assert stream.is_open, "a call does not end by RTCP"
    stream.close()
    stats = await ear.until_closed()
    assert (stats.reports, stats.rtcp_refused) == (1, 5)


async def test_reports_follow_a_peer_behind_nat(
    open_reported: OpenReported, peer: RtpPeer, reporter: RtcpPeer, ear: Ear
) -> None:
    stream = open_reported()
    speak(peer, stream, [1])
    await ear.until_rtp()
    ours = (await reporter.receive()).ssrc
    other = RtcpPeer()
    other.send(rtcp_text.report(PEER_SSRC, Block(ours)), stream.port + 1)
    assert (await other.receive()).ssrc == ours
    other.socket.close()


async def test_both_may_share_a_port(
    open_reported: OpenReported, peer: RtpPeer, ear: Ear, reporter: RtcpPeer
) -> None:
    """RFC 5761: told apart by what would be the payload type."""
    stream = open_reported(remote_rtcp=None, rtcp_mux=True)
    speak(peer, stream, [1])
    await ear.until_rtp()
    async with asyncio.timeout(PATIENCE_S):
        while (data := await peer.receive_datagram())[1] not in (SR, RR):
            pass
    ours = rtcp_text.parse(data)
    assert ours.kinds == [SR, SDES]
    newest = peer.all[-1].sequence
    peer.send(rtcp_text.report(PEER_SSRC, Block(ours.ssrc, highest=newest)), stream.port)
    await until(lambda: stream.report is not None)
    assert reporter.waiting() == []
    stream.close()
    assert (await ear.until_closed()).received_packets == 1


async def test_without_another_address_it_is_the_next_port(plane: MediaPlane, ear: Ear) -> None:
    for port in free_ports(50):
        try:
            reporter = RtcpPeer(port=port + 1)
            break
        except OSError:
            continue
    remote = ("127.0.0.1", reporter.address[1] - 1)
    plane.open(
        plane.reserve(), remote=remote, codec=Codec.PCMU, dtmf_payload_type=None, listener=ear
    )
    assert (await reporter.receive()).kinds == [SR, SDES]
    reporter.socket.close()


async def test_a_report_is_a_sign_of_the_peer_and_says_what_it_received_last(
    plane: MediaPlane, open_reported: OpenReported, peer: RtpPeer, reporter: RtcpPeer, ear: Ear
) -> None:
    """A peer that sends no audio any more, and its third packet from the end arrived."""
    stream = open_reported()
    speak(peer, stream, [1])
    await ear.until_rtp()
    silent = stream.signs
    assert silent.received_s is None
    peer.all_waiting()  # what left before that
    arrived = (await peer.receive_all(50))[-3]
    block = Block(arrived.ssrc, highest=arrived.sequence)
    await asyncio.sleep(0.2)
    sent_s = time.monotonic()
    reporter.send(rtcp_text.report(PEER_SSRC, block), stream.port + 1)
    await until(lambda: stream.signs.received_s is not None)
    now = stream.signs
    assert silent.heard_s is not None
    assert now.heard_s is not None
    assert now.received_s is not None
    assert silent.heard_s < now.heard_s < time.monotonic()
    assert now.heard_s > sent_s - 0.002
    # by how many have left since, as far as the machine lets the media thread keep time
    late_s = plane.health().late_max_s
    assert now.received_s < sent_s - 0.2 + late_s, "it left before those that arrived later"
    assert now.received_s > silent.heard_s


async def test_reports_of_strangers_are_no_sign(
    open_reported: OpenReported, peer: RtpPeer, ear: Ear
) -> None:
    stream = open_reported()
    speak(peer, stream, [1])
    await ear.until_rtp()
    before = stream.signs
    stranger = RtcpPeer("127.0.0.66")
    arrived = (await peer.receive_all(3))[-1]
    block = Block(arrived.ssrc, highest=arrived.sequence)
    stranger.send(rtcp_text.report(PEER_SSRC, block), stream.port + 1)
    await asyncio.sleep(1.2)  # it is read once a second
    assert stream.signs == before
    stranger.socket.close()
