"""The ports of the test phone's sound, and of what it reports of it."""

import pytest

from onhook.testing.audio import Audio
from onhook.testing.datagrams import DatagramSocket, Receive
from onhook.testing.network import Network


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
