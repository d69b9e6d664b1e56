"""The ports of the test phone's sound, and of what it reports of it."""

import asyncio

import pytest

from onhook.testing.audio import Audio
from onhook.testing.datagrams import DatagramSocket, Receive
from onhook.testing.network import Network
from onhook.testing.rtp import RtpPacket
from onhook.testing.srtp import Encryption


async def test_where_somebody_has_the_port_above_it_takes_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RTCP is on the port above that of the sound, which nobody has reserved."""
    asked: list[int] = []
    bound = DatagramSocket.open

    def open_one(
        host: str, receive: Receive, *, port: int = 0, even: bool = False
    ) -> DatagramSocket:
        if port:
            asked.append(port)
            if len(asked) == 1:
                raise OSError("somebody has it")
        return bound(host, receive, port=port, even=even)

    monkeypatch.setattr(DatagramSocket, "open", open_one)
    audio = Audio("127.0.0.1", {0: "PCMU"}, talk=False, other_port=False, network=Network())
    assert len(asked) == 2
    assert audio.address[1] + 1 == asked[1]
    audio.close()


async def test_what_comes_before_its_key_is_known_is_not_heard() -> None:
    """A server sends as soon as it has answered, and its answer may come later than that: nobody can read it
    by then, and it is no sound."""
    audio = Audio("127.0.0.1", {0: "PCMU"}, talk=False, other_port=False)
    audio.encryption, server = Encryption("require"), Encryption("require")
    server.answer(audio.encryption.ours)
    socket = DatagramSocket.open("127.0.0.1", lambda *_: None)

    def sends(seq: int) -> None:
        packet = RtpPacket(0, seq, seq * 160, 7, bytes([seq]) * 160)
        socket.send(server.seal(packet.to_bytes()), audio.address)

    sends(1)
    async with asyncio.timeout(60):
        while not audio.encryption.early:
            await asyncio.sleep(0.01)
    assert audio.recording.packets == []
    audio.encryption.take(server.ours[:1])
    sends(2)
    async with asyncio.timeout(60):
        while not audio.recording.packets:
            await asyncio.sleep(0.01)
    assert [one.payload for one in audio.recording.audio] == [bytes([2]) * 160]
    assert (audio.encryption.early, audio.encryption.unreadable) == (1, 0)
    socket.close()
    audio.close()
