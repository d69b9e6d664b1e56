"""What messages say of session timers (RFC 4028), whatever it is."""

from hypothesis import given
from hypothesis import strategies as st

from onhook.phone.message import Request, Response, parse
from onhook.phone.reliable.numbers import acknowledges, rseq_of
from onhook.phone.session_timer import terms
from onhook.phone.session_timer.terms import LONGEST_S, MIN_SE_S, Terms

ODD = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40),
    st.integers(-5, 10**25).map(str),
    st.sampled_from(["90;refresher=uac", "1800;refresher=uas", "89", "90;refresher", "90;;", '90;x="',
                     "timer", "timer, 100rel", "90 ;refresher=UAC", "\u0663\u0660\u0660"]),
)  # fmt: skip
BEFORE = st.none() | st.builds(Terms, st.integers(MIN_SE_S, LONGEST_S), st.booleans())


def invite(*lines: tuple[str, str]) -> Request:
    text = "".join(f"{name}: {value}\r\n" for name, value in lines)
    data = (
        "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        f"To: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 2 INVITE\r\n{text}\r\n"
    )
    read = parse(data.encode(), ("127.0.0.1", 5060))
    assert isinstance(read, Request)
    return read


@given(ODD, ODD, ODD, st.integers(0, LONGEST_S), BEFORE)
def test_what_is_agreed_is_never_short_nor_longer_than_a_day(
    expires: str, least: str, supported: str, wanted_s: int, before: Terms | None
) -> None:
    asked = terms.read(
        invite(("Session-Expires", expires), ("Min-SE", least), ("Supported", supported))
    )
    agreed = terms.agree(asked, wanted_s, before)
    if agreed is not None:
        assert max(MIN_SE_S, asked.min_s) <= agreed.interval_s <= LONGEST_S
        assert agreed.ours or asked.supported, "who does not know timers is not made to refresh"
        headers = dict(agreed.as_answered(asked))
        assert ("Require" in headers) == asked.supported
    made = terms.agreed(asked)
    assert made is None or MIN_SE_S <= made.interval_s <= LONGEST_S


@given(ODD, ODD, st.integers(1, 2**32 - 1))
def test_numbers_of_reliable_responses_are_read_or_not(rack: str, rseq: str, number: int) -> None:
    acknowledges(invite(("RAck", rack)), number, 1)
    said = Response(180, "b", "INVITE", {"require": ["100rel"], "rseq": [rseq]}, b"", cseq=1)
    read = rseq_of(said)
    assert read is None or 0 < read < 2**32
    assert acknowledges(invite(("RAck", f"{number}  1 INVITE")), number, 1)
