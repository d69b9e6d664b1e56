"""One request is written as one request, whatever stands in its parts."""

import dataclasses

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onhook.notify.errors import RequestUnusable
from onhook.notify.request_writer import written
from onhook.urls import WebUrl, parse

URL = parse("http://example.com:81/a/b?c=d")


def as_read(request: bytes) -> tuple[h11.Request, bytes]:
    """What a strict server makes of it: exactly one request, and nothing behind it."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(request)
    head = server.next_event()
    assert isinstance(head, h11.Request)
    body = b""
    while isinstance(event := server.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert server.trailing_data[0] == b""
    return head, body


def test_a_post() -> None:
    request = written("POST", URL, {"User-Agent": "T", "X-A": "é"}, b"\r\n\r\nGET / HTTP/1.1\r\n")
    head, body = as_read(request)
    assert (head.method, head.target) == (b"POST", b"/a/b?c=d")
    assert body == b"\r\n\r\nGET / HTTP/1.1\r\n"
    assert list(head.headers) == [
        (b"host", b"example.com:81"),
        (b"accept-encoding", b"identity"),
        (b"user-agent", b"T"),
        (b"x-a", "é".encode()),
        (b"accept", b"*/*"),
        (b"content-length", b"%d" % len(body)),
    ]


def test_a_get_has_no_body() -> None:
    head, body = as_read(written("GET", URL, {}, None))
    assert (head.method, body) == (b"GET", b"")
    assert b"content-length" not in dict(head.headers)


@pytest.mark.parametrize(
    "part",
    [
        {"path": "/a b"},
        {"path": "/a\r\nX: y"},
        {"path": "/a\n"},
        {"path": "/\r"},
        {"path": "/\0"},
        {"path": "/\t"},
        {"path": "/é"},
        {"path": ""},
        {"query": "a HTTP/1.1\r\nHost: other\r\n\r\n"},
        {"query": "a\x0bb"},
        {"host": "a\r\nX: y"},
        {"host": "a b"},
    ],
)
def test_a_url_that_would_end_the_line_is_refused(part: dict[str, str]) -> None:
    url = dataclasses.replace(URL, **{"path": "/", "query": None, **part})  # type: ignore[arg-type]
    with pytest.raises(RequestUnusable):
        written("POST", url, {}, b"")


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nY: b"},
        {"X": "a\nY: b"},
        {"X": "a\rY: b"},
        {"X": "\r\n\r\nGET / HTTP/1.1"},
        {"X": "a\0"},
        {"X": "\ud800"},
        {"X\r\nY": "a"},
        {"X: y\r\nZ": "a"},
        {"X ": "a"},
        {"": "a"},
        {"X:": "a"},
        {"é": "a"},
    ],
)
def test_a_header_that_would_be_two_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(RequestUnusable):
        written("GET", URL, headers, None)


TEXT = st.text(
    alphabet=st.sampled_from("ab:/? \r\n\t\0\x0b\x85\u2028é\ud800%;") | st.characters(), max_size=12
)


@settings(deadline=None, max_examples=300)
@given(
    path=TEXT,
    query=st.none() | TEXT,
    name=TEXT,
    value=TEXT,
    body=st.none() | st.binary(max_size=30),
)
def test_nothing_in_a_part_makes_another_request_of_it(
    path: str, query: str | None, name: str, value: str, body: bytes | None
) -> None:
    url: WebUrl = dataclasses.replace(URL, path="/" + path, query=query)
    try:
        request = written("POST", url, {f"X-{name}": value}, body)
    except RequestUnusable:
        return
    head_bytes, _, rest = request.partition(b"\r\n\r\n")
    lines = head_bytes.split(b"\r\n")
    assert len(lines) == (5 if body is None else 6)
    assert lines[0] == b"POST %s HTTP/1.1" % url.target.encode()
    assert lines[3] == f"X-{name}: {value}".encode()
    assert b"\n" not in head_bytes.replace(b"\r\n", b"")
    assert rest == (body or b"")
