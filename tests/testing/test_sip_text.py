import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.testing import sip_text
from onhook.testing.sip_text import SipTextError

BYE = (
    b"BYE sip:phone@127.0.0.1:4000 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP a:1;branch=z9hG4bK1, SIP/2.0/UDP b:2;branch=z9hG4bK2\r\n"
    b'f: "A, <b>;tag=no" <sip:server@h>;tag=s1\r\n'
    b"To: sip:phone@127.0.0.1;tag=p1\r\n"
    b"Call-ID : abc\r\n"
    b"CSeq: 30   BYE\r\n"
    b"Subject: folded\r\n  line\r\n"
    b"l: 2\r\n\r\nhiX"
)


def test_a_request_is_read() -> None:
    message = sip_text.parse(BYE)
    assert message.is_request
    assert (message.method, message.uri, message.status) == ("BYE", "sip:phone@127.0.0.1:4000", 0)
    assert message.call_id == "abc"
    assert message.cseq == (30, "BYE")
    assert message.branch == "z9hG4bK1"
    assert len(message.values("Via")) == 2
    assert (message.from_tag, message.to_tag) == ("s1", "p1")
    assert message.header("Subject") == "folded line"
    assert message.body == b"hi"
    assert sip_text.parse(message.to_bytes()) == message


def test_a_response_copies_what_it_must() -> None:
    answer = sip_text.response(sip_text.parse(BYE), 200, "OK", tag="new")
    assert answer.start == "SIP/2.0 200 OK"
    assert (answer.status, answer.reason, answer.method) == (200, "OK", "BYE")
    assert answer.values("Via") == sip_text.parse(BYE).values("Via")
    assert answer.to_tag == "p1"  # it had one


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"BYE sip:a SIP/2.0\r\n",
        b"BYE sip:a SIP/3.0\r\n\r\n",
        b"SIP/2.0 999 x\r\n\r\n",
        b"BYE sip:a SIP/2.0\r\nno colon\r\n\r\n",
        b"BYE sip:a SIP/2.0\r\nl: 5\r\n\r\nhi",
        b"BYE sip:a SIP/2.0\r\nl: -1\r\n\r\nhi",
        b"BYE sip:a SIP/2.0\r\nA: b\nc\r\n\r\n",
        b"BYE sip:a SIP/2.0\r\nA: \xff\r\n\r\n",
        b"BYE sip:a SIP/2.0\r\n" + b"A: b\r\n" * 201 + b"\r\n",
        b"BYE sip:a SIP/2.0\r\nA: " + b"b" * 5000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_sip_is_refused(data: bytes) -> None:
    with pytest.raises(SipTextError):
        sip_text.parse(data)


def test_missing_headers_are_sip_text_errors() -> None:
    empty = sip_text.parse(b"BYE sip:a SIP/2.0\r\nCSeq: x\r\n\r\n")
    for read in ("call_id", "cseq", "from_tag", "to_tag"):
        with pytest.raises(SipTextError):
            getattr(empty, read)
    assert empty.branch == ""


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sip:a@127.0.0.1:4000", ("127.0.0.1", 4000)),
        ("sip:127.0.0.1", ("127.0.0.1", 5060)),
        ("sip:a@10.0.0.1;lr", ("10.0.0.1", 5060)),
        ("sip:a@example.com", None),
        ("sip:a@0.0.0.0:5060", None),
        ("sip:a@127.0.0.1:0", None),
        ("sip:a@127.0.0.1:99999", None),
        ("sip:a@[::1]:5060", ("::1", 5060)),
        ("sip:[2001:db8::1];lr", ("2001:db8::1", 5060)),
        ("sip:a@[127.0.0.1]:5060", None),
        ("sip:a@[::]:5060", None),
        ("tel:+65", None),
        ("", None),
    ],
)
def test_where_a_uri_points(uri: str, address: tuple[str, int] | None) -> None:
    assert sip_text.address_of(uri) == address


def test_lists_names_and_parameters() -> None:
    value = '"a, b" <sip:x@h;p=1,2>;q=1, <sip:y>'
    assert sip_text.split_list(value) == ['"a, b" <sip:x@h;p=1,2>;q=1', "<sip:y>"]
    assert sip_text.uri_of('"<no>" <sip:x@h;lr>;tag=1') == "sip:x@h;lr"
    assert sip_text.uri_of("sip:x@h;tag=1") == "sip:x@h"
    assert sip_text.param_of("<sip:x;tag=in>;Tag=out", "tag") == "out"
    assert sip_text.param_of("<sip:x;tag=in>", "tag") is None
    assert sip_text.param_of("a;rport;x=1", "rport") == ""


@given(
    st.binary(max_size=300)
    | st.text(alphabet='BYE sip:a<>";,=\r\n \\', max_size=200).map(str.encode)
)
def test_hostile_bytes_are_a_message_or_an_error(data: bytes) -> None:
    for attempt in (data, b"BYE sip:a SIP/2.0\r\nVia: " + data + b"\r\n\r\n"):
        try:
            message = sip_text.parse(attempt)
            assert isinstance(message.branch, str)
        except SipTextError:
            continue


def test_unclosed_quotes_and_brackets_take_no_time() -> None:
    """Quadratic in 64 KiB would be minutes; a line is bounded, so it is not."""
    for evil in ('"\\"' * 2000, "<" * 4000, '"' * 4001, '\\"' * 2000):
        sip_text.split_list(evil)
        sip_text.uri_of(evil)
        sip_text.param_of(evil, "tag")
