"""SIP URIs: what each form means, what is none, and that somebody else's reader says the same."""

import re
import time

import pytest
import sipmessage
from hypothesis import example, given
from hypothesis import strategies as st

from onhook.phone.uris import MAX_URI_CHARS, SipUri, sip_uri
from phone.peer import Caller, line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:h", SipUri("sip", None, "h", None, {})),
        ("SIPS:a@h", SipUri("sips", "a", "h", None, {})),
        ("sip:+6531234567@1.2.3.4:5070", SipUri("sip", "+6531234567", "1.2.3.4", 5070, {})),
        ("sip:a;b=c:secret@h", SipUri("sip", "a;b=c", "h", None, {})),
        ("sip:%41%C3%A9@h", SipUri("sip", "Aé", "h", None, {})),
        ("sip:a@[2001:db8::1]:5061", SipUri("sip", "a", "[2001:db8::1]", 5061, {})),
        ("sip:[::ffff:1.2.3.4]", SipUri("sip", None, "[::ffff:1.2.3.4]", None, {})),
        ("sip:h:5060;lr", SipUri("sip", None, "h", 5060, {"lr": ""})),
        (
            "sip:h;Transport=TCP;ob;x=%2B[::]",
            SipUri("sip", None, "h", None, {"transport": "TCP", "ob": "", "x": "+[::]"}),
        ),
        ("sip:h;self=1", SipUri("sip", None, "h", None, {"self": "1"})),
        ("sip:a@my_pbx.example.", SipUri("sip", "a", "my_pbx.example.", None, {})),
        ("sip:a@pbx1", SipUri("sip", "a", "pbx1", None, {})),
        ("sip:a@3com.2nd-h0st", None),  # RFC 3261 25.1: the last label begins with a letter
        ("sip:", None),
        ("sip:@h", None),
        ("sip:a:@h", None),
        ("sip:a@", None),
        ("sip:a@h?subject=x", None),
        ("sip:a@h;", None),
        ("sip:a@h;x=", None),
        ("sip:a@h:", None),
        ("sip:a@h:٥٠٦٠", None),
        ("sip:a@h\n", None),
        ("sip:a b@h", None),
        ("sip:a#b@h", None),
        ("sip:%4@h", None),
        ("sip:a@-h", None),
        ("sip:a@h..", None),
        ("sip:a@1.2.3.4.5", None),
        ("sip:a@[::1", None),
        ("tel:+6531234567", None),
        ("sip:" + "a" * MAX_URI_CHARS, None),
    ],
)
def test_what_a_uri_says(text: str, expected: SipUri | None) -> None:
    if expected is not None:
        assert sip_uri(text) == expected
    else:
        with pytest.raises(ValueError, match="not a SIP URI"):
            sip_uri(text)


_PIECES = st.sampled_from((
    "+65312", "alice", "a;b=c", "%41", "%C3%A9", "%4", ":", ":pw", "@", "127.0.0.1", "1.2.3.4.5", "h.example",
    "h-1.de.", "-x", "9host", "[::1]", "[1:2::3]", "[::ffff:1.2.3.4]", "[1:", "]", ":5060", ":0", ";lr",
    ";transport=tcp", ";x", ";x=", ";", "=", ";maddr=[::1]", "?x=y", "#", " ", ".", "&", "$", ",", "/", "!",
))  # fmt: skip
_URIS = st.builds(
    lambda scheme, pieces: scheme + "".join(pieces),
    st.sampled_from(("sip:", "sips:", "Sip:", "tel:", "")),
    st.lists(_PIECES | st.characters(min_codepoint=33, max_codepoint=126), max_size=9),
)


def _theirs(text: str) -> SipUri | None:
    scheme, _, rest = text.partition(":")
    try:
        read = sipmessage.URI.parse(f"{scheme.lower()}:{rest}")
    except (ValueError, TypeError):
        return None
    parameters = {name.lower(): value or "" for name, value in read.parameters.items()}
    return SipUri(read.scheme, read.user, read.host, read.port, parameters)


@given(_URIS)
@example("sip:a@h;x=1;X=2")
def test_somebody_elses_reader_says_the_same(text: str) -> None:
    """Where it reads a URI at all, but for `tel`; what it refuses beyond RFC 3261 are last labels of a host
    with a digit in them; and underscores, which the RFC has not."""
    theirs = _theirs(text) if not text.lower().startswith("tel:") else None
    try:
        ours = sip_uri(text)
    except ValueError:
        assert theirs is None
    else:
        forgiven = "_" in ours.host or re.search(r"[A-Za-z-][A-Za-z0-9-]*[0-9]", ours.host)
        assert ours == theirs or (theirs is None and (forgiven or "self" in ours.parameters))


def test_a_long_uri_costs_little() -> None:
    """Linear: what nearly fits is looked at once, not once for each way in which it could be cut."""
    nearly = [
        "sip:" + "a" * 500 + "\x00",
        "sip:" + "a." * 250 + "\x00",
        "sip:" + "a-" * 250 + "\x00",
        "sip:" + "%41" * 160 + "\x00",
        "sip:h;" + "a" * 500 + "\x00",
        "sip:h" + ";a=b" * 120 + "\x00",
        "sip:[" + "1:" * 250 + "\x00",
    ]
    began_s = time.process_time()
    for text in nearly * 100:
        with pytest.raises(ValueError, match="not a SIP URI"):
            sip_uri(text)
    plain_s = time.process_time() - began_s
    began_s = time.process_time()
    for _ in range(700):
        sip_uri("sip:" + "a" * 500 + "@h")
    assert plain_s < 50 * (time.process_time() - began_s)


@pytest.mark.parametrize(
    "host", ["onhook.example;self=1", "pbx1", "my_pbx", "pbx1:5060;user=phone"]
)
async def test_a_call_to_any_host_is_taken(host: str) -> None:
    async with line() as on:
        await Caller(on.peer).established(uri=f"sip:+6531234567@{host}")
        assert on.owner.call.called.text == "+6531234567"
