"""Which body has a session description, where it is, and what becomes of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.phone.bodies import MAX_PARTS, description_of
from onhook.phone.errors import UnsupportedBody
from onhook.phone.message import Response
from phone.peer import SDP

ISUP = "Content-Type: application/isup;version=nxv3\r\n\r\n\x01\x00\x49"
DESCRIBED = f"Content-Type: application/sdp\r\n\r\n{SDP}"


def message(kind: str, body: str | bytes, **headers: str) -> Response:
    data = body if isinstance(body, bytes) else body.encode()
    named = {name.replace("_", "-"): [value] for name, value in headers.items()}
    return Response(200, "", "INVITE", {"content-type": [kind], **named}, data)


def multipart(*parts: str, boundary: str = "edge", before: str = "", after: str = "--") -> str:
    middle = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    return f"{before}{middle}--{boundary}{after}"


def in_parts(*parts: str, kind: str = "multipart/mixed;boundary=edge") -> bytes:
    return description_of(message(kind, multipart(*parts)))


def test_a_description_alone() -> None:
    assert description_of(message("application/sdp", SDP)) == SDP.encode()
    assert description_of(message("Application / SDP ;charset=utf-8", SDP)) == SDP.encode()
    assert description_of(message("text/plain", "")) == b""


@pytest.mark.parametrize(
    "parts",
    [
        (DESCRIBED,),
        (DESCRIBED, ISUP),
        (ISUP, DESCRIBED),
        ("\r\nno head", DESCRIBED),
        ("", "no head at all", DESCRIBED),
        (f"c: application/sdp\r\nContent-Disposition: session;handling=required\r\n\r\n{SDP}",),
        (f"Content-Type:\r\n application/sdp\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{SDP}",),
        (DESCRIBED, f"Content-Type: application/sdp\r\n\r\n{SDP}a=second\r\n"),
    ],
)
def test_a_description_among_parts(parts: tuple[str, ...]) -> None:
    assert in_parts(*parts) == SDP.encode()


@pytest.mark.parametrize(
    "kind",
    [
        'multipart/mixed; boundary="edge"',
        "Multipart/Mixed;boundary=edge",
        "multipart/related;type=x;boundary=edge",
    ],
)
def test_kinds_of_multipart(kind: str) -> None:
    body = multipart(DESCRIBED, before="a preamble\r\n--edgeways\r\n", after="--\r\nepilogue")
    assert description_of(message(kind, body)) == SDP.encode()
    padded = multipart(DESCRIBED).replace("--edge\r\n", "--edge \t\r\n")
    assert description_of(message(kind, padded)) == SDP.encode()


def test_of_alternatives_the_last_one_that_is_understood() -> None:
    better = f"Content-Type: application/sdp\r\n\r\n{SDP}a=better\r\n"
    unknown = (
        "Content-Type: application/sdpng\r\nContent-Disposition: session;handling=required\r\n\r\nx"
    )
    kind = "multipart/alternative;boundary=edge"
    assert in_parts(DESCRIBED, better, unknown, kind=kind).endswith(b"a=better\r\n")


def test_parts_within_parts() -> None:
    inner = multipart(DESCRIBED, boundary="inner")
    alternative = f"Content-Type: multipart/alternative;boundary=inner\r\n\r\n{inner}"
    assert in_parts(ISUP, alternative) == SDP.encode()


@pytest.mark.parametrize(
    ("kind", "body", "headers"),
    [
        ("text/html", "<p>", {}),
        ("", SDP, {}),
        ("application/sdp", SDP, {"content_encoding": "gzip"}),
        ("multipart/mixed", multipart(DESCRIBED), {}),
        ("multipart/mixed;boundary=", multipart(DESCRIBED), {}),
        (f"multipart/mixed;boundary={'x' * 71}", multipart(DESCRIBED, boundary="x" * 71), {}),
        ("multipart/mixed;boundary=edge", multipart(ISUP), {}),
        ("multipart/mixed;boundary=edge", multipart(*[DESCRIBED] * (MAX_PARTS + 1)), {}),
        ("multipart/mixed;boundary=edge", DESCRIBED, {}),
        (
            "multipart/mixed;boundary=edge",
            multipart(DESCRIBED, f"Content-Disposition: signal;handling=required\r\n{ISUP}"),
            {},
        ),
        (
            "multipart/mixed;boundary=edge",
            multipart(f"Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\n{SDP}"),
            {},
        ),
    ],
)  # fmt: skip
def test_what_has_to_be_understood_and_is_not(
    kind: str, body: str, headers: dict[str, str]
) -> None:
    with pytest.raises(UnsupportedBody):
        description_of(message(kind, body, **headers))


def test_what_need_not_be_understood() -> None:
    optional = {"content_disposition": "render; handling=Optional"}
    assert description_of(message("text/html", "<p>", **optional)) == b""
    kind = "multipart/mixed;boundary=edge"
    assert description_of(message(kind, multipart(ISUP), **optional)) == b""


@given(
    st.lists(st.binary(max_size=80).filter(lambda part: b"\r\n--edge" not in b"\r\n" + part), max_size=8),
    st.integers(0, 8),
)  # fmt: skip
def test_a_description_is_found_whatever_is_around_it(others: list[bytes], place: int) -> None:
    """As long as nothing of it says that it has to be understood."""
    parts = [b"Content-Type: a/b\r\n\r\n" + part for part in others]
    parts.insert(place, DESCRIBED.encode())
    body = b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + b"--edge--"
    assert description_of(message("multipart/mixed;boundary=edge", body)) == SDP.encode()


_PIECES = ["--edge", "--edge--", "\r\n", "\r\n\r\n", "Content-Type: application/sdp", "--", ":", ";",
           "Content-Type: multipart/mixed;boundary=edge",
           "Content-Disposition: x;handling=required", SDP]  # fmt: skip


@given(
    st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=9)), max_size=40),
    st.sampled_from(["mixed", "alternative", "x", ""]),
    st.sampled_from([";boundary=edge", ';boundary="edge"', ";boundary", ";;", ""]),
)
def test_nothing_else_escapes(pieces: list[str], kind: str, parameters: str) -> None:
    body = "".join(pieces).encode("utf-8", "surrogatepass")
    try:
        found = description_of(message(f"multipart/{kind}{parameters}", body))
    except UnsupportedBody:
        return
    assert found in body
