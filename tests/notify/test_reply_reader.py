"""Replies cut everywhere, and replies made of anything: the same comes of them."""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notify.test_reply_heads import BROKEN, ODD
from onhook.notify.errors import BrokenReply, NoReply
from onhook.notify.heads import MAX_HEADS, MAX_LINE_BYTES, MAX_LINES
from onhook.notify.reply_reader import MAX_WIRE_BYTES, ReplyReader

OK = b"HTTP/1.1 200 OK\r\n"


class Read(NamedTuple):
    """What came of a reply; of one without a head, nothing but that."""

    status: int | None
    body: bytes
    ended: bool
    fields: dict[str, list[str]]


def read(pieces: Iterable[bytes], *, closed: bool = True) -> Read:
    """Read it piece by piece; then the connection ends."""
    reader = ReplyReader()
    body = b""
    try:
        for piece in pieces:
            reader.feed(piece)
            body += b"".join(reader.take())
        if closed:
            reader.end()
    except NoReply:
        assert reader.status is None
        return Read(None, b"", False, {})
    assert not (reader.ended and reader.broken)
    return Read(reader.status, body, reader.ended, reader.fields())


def in_two(reply: bytes) -> Iterable[tuple[bytes, bytes]]:
    return ((reply[:at], reply[at:]) for at in range(len(reply) + 1))


def by_bytes(reply: bytes) -> list[bytes]:
    return [reply[at : at + 1] for at in range(len(reply))]


def sorted_fields(found: Read) -> Read:
    """Lengths are given to the parser last, if the head came in parts."""
    return found._replace(fields=dict(sorted(found.fields.items())))


REPLIES = {
    **ODD,
    **BROKEN,
    "a body": OK + b"Content-Length: 5\r\nServer: a\r\nX-Empty:\r\n\r\nhello",
    "chunks": OK
    + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nX-T: 1\r\n\r\n",
    "until the end": OK + b"Server: a\r\n\r\nhello",
    "switching": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes",
    "several interim replies": b"HTTP/1.1 100 Continue\r\n\r\n" * 3
    + b"HTTP/1.1 103 Early\r\nRetry-After: 9\r\n\r\n"
    + OK
    + b"Content-Length: 2\r\n\r\nok",
    "304": b"HTTP/1.1 304 Not Modified\r\nETag: a\r\nContent-Length: 9\r\n\r\n",
    "folded": OK + b"X-A: one\r\n two\r\nContent-Length: 0\r\n\r\n",
    "line breaks before": b"\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
    "closing": OK + b"Connection: close\r\n\r\nhello",
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_a_reply_comes_to_the_same_however_it_is_cut(reply: bytes) -> None:
    whole = sorted_fields(read([reply]))
    assert sorted_fields(read(by_bytes(reply))) == whole
    for pieces in in_two(reply):
        assert sorted_fields(read(pieces)) == whole


@pytest.mark.parametrize(
    ("name", "body", "ended"),
    [
        ("a body", b"hello", True),
        ("chunks", b"hello", True),
        ("until the end", b"hello", True),
        ("closing", b"hello", True),
        ("length too large", b"thank you", False),
        ("chunk without end", b"thank", False),
        ("two equal lengths", b"ok", True),
        ("length and chunks", b"ok", True),
        ("several interim replies", b"ok", True),
        ("304", b"", True),
        ("HTTP/1.0", b"okay", True),
        ("line feeds only", b"o", True),
    ],
)
def test_what_comes_of_a_body(name: str, body: bytes, ended: bool) -> None:
    found = read([REPLIES[name]])
    assert (found.body, found.ended) == (body, ended)


def test_fields_are_those_of_the_real_reply() -> None:
    for pieces in (
        [REPLIES["several interim replies"]],
        by_bytes(REPLIES["several interim replies"]),
    ):
        assert read(pieces).fields == {"content-length": ["2"]}
    assert read([REPLIES["folded"]]).fields["x-a"] == ["one two"]
    assert read([OK + b"X: \xc3\xa9\r\nX:\xff\r\n\r\n"]).fields == {"x": ["é", "ÿ"]}
    trailer = read([REPLIES["chunks"]]).fields
    assert "x-t" not in trailer


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        (OK + b"Content-Length: 2\r\n\r\nok", True),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n", False),
        (OK + b"Content-Length: 2\r\n\r\nokay", False),
        (OK + b"Content-Length: 0\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 204 No Content\r\n\r\nbody", False),
        (OK + b"Content-Length: 2\r\n\r\no", False),
        (OK + b"\r\nno end", False),
        (REPLIES["switching"], False),
    ],
)
def test_which_connections_can_be_used_again(reply: bytes, kept: bool) -> None:
    for pieces in ([reply], by_bytes(reply), *in_two(reply)):
        reader = ReplyReader()
        for piece in pieces:
            reader.feed(piece)
        assert (reader.ended and reader.keeps_open) == kept


@pytest.mark.parametrize(
    ("came", "begun"),
    [
        (b"", False),
        (b"\r\n", False),
        (b"thank you\r\n" + OK, False),
        (b"SSH-2.0\r\n", False),
        (b"H", True),
        (b"\r\nHTTP/1.1 20", True),
        (OK + b"Content-Length: 1, 2\r\n\r\n", True),
    ],
)
def test_whether_a_reply_has_begun(came: bytes, begun: bool) -> None:
    reader = ReplyReader()
    try:
        reader.feed(came)
        reader.end()
    except NoReply:
        pass
    assert reader.begun == begun


@pytest.mark.parametrize(
    "endless",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_HEADS + 1),
        OK + b"X: y\r\n" * (MAX_LINES + 1) + b"\r\n",
        OK + b"X: " + b"y" * MAX_LINE_BYTES + b"\r\n\r\n",
        OK + b"X: " + b"y" * MAX_LINE_BYTES,
    ],
    ids=["interim", "lines", "line", "no end of a line"],
)
@pytest.mark.parametrize("size", [1, 1000, 10**6])
def test_heads_have_bounds(endless: bytes, size: int) -> None:
    reader = ReplyReader()
    with pytest.raises(BrokenReply):
        for at in range(0, len(endless), size):
            reader.feed(endless[at : at + size])


def test_a_reply_has_a_bound_whatever_it_says_of_itself() -> None:
    reader = ReplyReader()
    reader.feed(OK + b"Transfer-Encoding: chunked\r\n\r\n1;")
    fed = 0
    while not reader.broken:
        assert fed <= MAX_WIRE_BYTES
        reader.feed(b"a=bbbbbb;" * 10_000)
        fed += 90_000
    reader.feed(b"more")
    assert reader.status == 200


def test_trailers_are_not_held() -> None:
    """Nothing is kept of them, however long they are."""
    reader = ReplyReader()
    reader.feed(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ")
    for _ in range(10_000):
        reader.feed(b"y" * 100)
    reader.feed(b"\r\n\r\n")
    assert reader.ended
    assert (reader.take(), reader.held_bytes) == ([], 0)


FRAGMENTS = st.sampled_from(
    [
        OK,
        b"HTTP/1.1 103 Early Hints\r\n",
        b"HTTP/1.1 204 No\r\n",
        b"HTTP/1.0 200\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n",
        b"HTTP/9 200 OK\r\n",
        b"Content-Length: 5\r\n",
        b"content-length: 5, 5\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Connection: close\r\n",
        b"X: \x00\x01\xff\r\n",
        b" folded\r\n",
        b"\r\n",
        b"\n",
        b"hello",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n",
        b"ffffffffffffffff\r\n",
    ]
)


@settings(deadline=None, max_examples=300)
@given(
    reply=st.lists(FRAGMENTS | st.binary(max_size=6), max_size=9).map(b"".join),
    cuts=st.lists(st.integers(0, 200), max_size=4),
)
def test_anything_comes_to_the_same_however_it_is_cut(reply: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(reply)) for cut in cuts), len(reply)]
    pieces = [reply[start:end] for start, end in itertools.pairwise(edges)]
    whole = read([reply])
    for other in (read(pieces), read(by_bytes(reply))):
        assert other.status == whole.status
        assert (other.body, other.ended) == (whole.body, whole.ended)
