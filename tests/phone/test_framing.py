"""Messages out of a stream, however it is cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.phone.framing import PING, PONG, BrokenStream, Framer
from onhook.phone.message import MAX_DATAGRAM_BYTES


def message(body: bytes = b"", header: bytes = b"Content-Length") -> bytes:
    length = str(len(body)).encode()
    return b"OPTIONS sip:a SIP/2.0\r\nX: y\r\n" + header + b": " + length + b"\r\n\r\n" + body


STREAM = [
    message(b"one"), PING, message(), message(b"\r\n\r\n\r\n"), message(b"x" * 300, b"l"), PING,
    message(b"z", b"CONTENT-length \t"), b"SIP/2.0 200 OK\r\n\r\n", message(b"last"),
]  # fmt: skip


@given(st.lists(st.integers(0, sum(map(len, STREAM)) + 2), max_size=40))
def test_a_stream_comes_out_as_it_went_in_wherever_it_is_cut(cuts: list[int]) -> None:
    data = STREAM[0] + PONG + b"".join(STREAM[1:])
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    framer = Framer()
    seen = [got for start, end in itertools.pairwise(edges)
            for got in framer.feed(data[start:end])]  # fmt: skip
    assert seen == STREAM


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length:\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 99999\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 9999999\r\n\r\n",
        b"x" * (MAX_DATAGRAM_BYTES + 1),
    ],
)
def test_a_stream_that_makes_no_sense(data: bytes) -> None:
    with pytest.raises(BrokenStream, match=r"long|Length") as raised:
        list(Framer().feed(data + b"more"))
    assert raised.value.head == (data if data.endswith(b"\r\n\r\n") else b"")


def test_a_slow_stream_is_bounded() -> None:
    framer = Framer()
    with pytest.raises(ValueError, match="header too long"):
        for _ in range(MAX_DATAGRAM_BYTES + 2):
            list(framer.feed(b"x"))


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_stream_is_cut_or_refused(parts: list[bytes]) -> None:
    framer = Framer()
    try:
        for part in parts:
            for got in framer.feed(part):
                assert got
    except ValueError:
        return
