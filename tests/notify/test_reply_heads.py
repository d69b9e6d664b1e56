"""Once the head of a reply is read its status counts, whatever comes after it and however TCP cuts it."""

import asyncio
import socket
import struct
from collections.abc import Iterable, Sequence

import pytest

from notify.loops import on_both_loops
from notify.servers import Connection, raw_server, read_request, web_client
from onhook.notify.client import WebClient
from onhook.notify.errors import BrokenReply, DownloadFailed
from onhook.notify.heads import MAX_LINE_BYTES, HeadSplitter
from onhook.notify.replies import PostResult
from onhook.urls import WebUrl, parse

OK = b"HTTP/1.1 200 OK\r\n"
ODD = {
    "length too small": OK + b"Content-Length: 2\r\n\r\nthank you",
    "length too small, then a line": OK + b"Content-Length: 2\r\n\r\nok\r\n",
    "length 0 and a body": OK + b"Content-Length: 0\r\n\r\n<html>\r\n</html>\r\n",
    "length too large": OK + b"Content-Length: 100\r\n\r\nthank you",
    "closing, and more than was said": OK
    + b"Connection: close\r\nContent-Length: 2\r\n\r\nokay\r\n",
    "204 with a body": b"HTTP/1.1 204 No Content\r\n\r\nthank you\r\n",
    "204 with a length and a body": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    "204 in chunks": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "no chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nthank you\r\n",
    "chunk too small": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nthank you\r\n0\r\n\r\n",
    "chunk without end": OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nthank",
    "chunk of a line feed": OK + b"Transfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n",
    "chunk beyond all sizes": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n",
    "two equal lengths": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "two equal lengths apart": OK + b"Content-Length: 2\r\nA: b\r\ncontent-length:2 \r\n\r\nok",
    "equal lengths in one line": OK + b"Content-Length: 2, 2\r\n\r\nok",
    "length and chunks": OK
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "another reply behind it": OK
    + b"Content-Length: 0\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    "half a reply behind it": OK + b"Content-Length: 0\r\n\r\nHTTP/1.1 5",
    "an interim reply first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    + OK
    + b"Content-Length: 1\r\n\r\nokay",
    "line feeds only": b"HTTP/1.1 200 OK\nContent-Length: 1\n\nokay",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nokay",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nokay",
    "two dates": OK
    + b"Date: a\r\nDate: b\r\nServer: a\r\nServer: b\r\nContent-Length: 1\r\n\r\nokay",
    "two content types": OK
    + b"Content-Type: a/b\r\nContent-Type: a/b\r\nContent-Length: 1\r\n\r\nokay",
    "gzip that is none": OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nokay",
}
"""Replies as they come from servers: all are deliveries."""

BROKEN = {
    "no reply": b"",
    "no end of the head": OK + b"Content-Length: 2\r\n",
    "no line end": b"HTTP/1.1 200 OK",
    "two different lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nok",
    "different lengths in one line": OK + b"Content-Length: 1, 2\r\n\r\nok",
    "a length that is none": OK + b"Content-Length: x\r\n\r\nok",
    "another protocol": b"SSH-2.0-OpenSSH_9.0\r\n",
    "only interim replies": b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
}


async def post(client: WebClient, port: int) -> PostResult:
    return await client.post(parse(f"http://127.0.0.1:{port}/"), {}, b"a=1", 60)


def in_pieces(pieces: Iterable[bytes]) -> Connection:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        connected: socket.socket = writer.get_extra_info("socket")
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.001)  # most likely they are read apart; they may be read together

    return talk


def cuts(answer: bytes) -> Sequence[Sequence[bytes]]:
    """Whole; cut before, in and behind the end of the head; at each line; and byte by byte."""
    head = max(answer.find(b"\r\n\r\n"), answer.find(b"\n\n"), 0)
    places = [head + offset for offset in (1, 2, 3, 4, 5, 6)]
    lines = answer.splitlines(keepends=True)
    every = [answer[i : i + 1] for i in range(len(answer))]
    return [(answer,), lines, every, *[(answer[:at], answer[at:]) for at in places]]


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
async def test_the_status_counts_however_the_reply_is_cut(answer: bytes) -> None:
    async def one(client: WebClient, pieces: Sequence[bytes]) -> PostResult:
        async with raw_server(in_pieces(pieces)) as port:
            return await post(client, port)

    async with web_client() as client:
        replies = await asyncio.gather(*(one(client, pieces) for pieces in cuts(answer)))
    expected = 204 if b" 204 " in answer else 200
    assert [(reply.status, reply.error) for reply in replies] == [(expected, None)] * len(replies)


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_without_a_head_there_is_no_status(answer: bytes) -> None:
    async def one(client: WebClient, pieces: Sequence[bytes]) -> PostResult:
        async with raw_server(in_pieces(pieces)) as port:
            return await post(client, port)

    async with web_client() as client:
        replies = await asyncio.gather(*(one(client, pieces) for pieces in cuts(answer)))
    assert all(reply.status is None and reply.error for reply in replies)


@on_both_loops
@pytest.mark.parametrize(
    "answer", [ODD["two equal lengths"], ODD["length too small"]], ids=["two", "small"]
)
async def test_the_next_notification_is_not_spoilt_by_an_odd_reply(answer: bytes) -> None:
    async def again_and_again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()

    async with raw_server(again_and_again) as port, web_client() as client:
        assert [(await post(client, port)).status for _ in range(5)] == [200] * 5


@on_both_loops
async def test_what_comes_late_of_a_reply_is_no_reply_to_the_next_request() -> None:
    heard: list[str] = []

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        heard.append("first on its connection")
        writer.write(OK + b"Content-Length: 2\r\n\r\nok")
        await read_request(reader)
        heard.append("second")
        writer.write(b"thank you\r\n" + OK + b"Content-Length: 0\r\n\r\n")
        await reader.read()

    async with raw_server(late) as port, web_client() as client:
        assert [(await post(client, port)).status for _ in range(2)] == [200, 200]
    assert heard == ["first on its connection", "second", "first on its connection"]


def resetting(reply: bytes) -> Connection:
    """Says this, and ends the connection as if it had crashed."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(reply)
        await writer.drain()
        for _ in range(2):  # between two timers the loop looks at its sockets, however late it is
            await asyncio.sleep(0.01)
        connected: socket.socket = writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return reset


@on_both_loops
@pytest.mark.parametrize("length", [b"Content-Length: 100\r\n", b""])
async def test_a_connection_that_is_reset_behind_the_head_has_delivered(length: bytes) -> None:
    async with raw_server(resetting(OK + length + b"\r\nhalf")) as port, web_client() as client:
        assert (await post(client, port)).status == 200


@on_both_loops
async def test_a_file_without_a_length_is_not_whole_if_the_connection_was_reset() -> None:
    async with raw_server(resetting(OK + b"\r\nhalf")) as port, web_client() as client:
        with pytest.raises(DownloadFailed):
            await client.download(parse(f"http://127.0.0.1:{port}/"), 1000, 10)


@on_both_loops
async def test_a_file_without_a_length_is_not_whole_if_it_was_us_who_ended() -> None:
    sent = asyncio.Event()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK + b"\r\nhalf")
        await writer.drain()
        sent.set()
        await reader.read()

    async with raw_server(half) as port, web_client() as client:
        url = parse(f"http://127.0.0.1:{port}/")
        download = asyncio.create_task(client.download(url, 1000, 10))
        await sent.wait()
        for _ in range(2):
            await asyncio.sleep(0.01)
        await client.close()
        with pytest.raises(DownloadFailed):
            await download


@on_both_loops
async def test_a_server_that_answers_without_reading_the_body_has_answered() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: 0\r\n\r\n")

    async with raw_server(answer) as port, web_client() as client:
        for _ in range(5):
            assert (await post(client, port)).status == 200


@pytest.mark.parametrize("name", ["no chunk", "chunk beyond all sizes", "length too large"])
async def test_half_a_download_is_none_however_it_is_cut(name: str) -> None:
    async def one(client: WebClient, pieces: Sequence[bytes]) -> str:
        async with raw_server(in_pieces(pieces)) as port:
            with pytest.raises(DownloadFailed) as failed:
                await client.download(url_of(port), 1000, 10)
            return failed.value.detail

    async with web_client() as client:
        details = await asyncio.gather(*(one(client, pieces) for pieces in cuts(ODD[name])))
    assert not any("no reply within" in detail for detail in details)


def url_of(port: int) -> WebUrl:
    return parse(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
def test_a_head_ends_where_it_ends_however_it_is_cut(answer: bytes) -> None:
    """At each place, and byte by byte: the same head, and the same that follows it."""

    def split(pieces: Sequence[bytes]) -> tuple[bytes, bytes]:
        splitter = HeadSplitter()
        heads = rest = b""
        for piece in pieces:
            more, behind = (b"", piece) if splitter.complete else splitter.split(piece)
            heads, rest = heads + more, rest + behind
        assert splitter.complete
        return heads, rest

    heads, rest = split([answer])
    assert heads.endswith(b"\n")
    assert answer.endswith(rest)
    assert split([answer[at : at + 1] for at in range(len(answer))]) == (heads, rest)
    for at in range(len(answer)):
        assert split([answer[:at], answer[at:]]) == (heads, rest)


def test_a_line_without_end_is_not_waited_for() -> None:
    splitter = HeadSplitter()
    assert splitter.split(b"HTTP/1.1 ") == (b"", b"")
    with pytest.raises(BrokenReply):
        splitter.split(b"2" * MAX_LINE_BYTES)


def test_an_interim_reply_of_another_version_is_the_end() -> None:
    """What is not counted is not passed over: a read is full of such heads, each a copy of the rest."""
    splitter = HeadSplitter()
    again = b"HTTP/9 100\n\n" * 20_000
    assert splitter.split(b"HTTP/9 100\n\n" + again) == (b"HTTP/9 100\n\n", again)
    assert splitter.complete
