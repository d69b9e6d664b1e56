"""The crypto attribute (RFC 4568): what is read of it, what is passed over, and what is agreed."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.phone.errors import NotEncrypted
from onhook.phone.srtp import crypto
from onhook.phone.srtp.crypto import Crypto, MasterKey, Suite
from onhook.phone.srtp.negotiation import Negotiation, Policy

MASTER = bytes(range(30))
INLINE = base64.b64encode(MASTER).decode()
KEY = MasterKey(MASTER, Suite.SHA1_80)
LINE = f"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}"


def read_one(line: str) -> Crypto | None:
    lines = crypto.read([line])
    assert len(lines) <= 1
    return lines[0] if lines else None


masters = st.binary(min_size=30, max_size=30)
keys = st.builds(MasterKey, masters, st.sampled_from(Suite))
lines = st.builds(Crypto, st.integers(0, 999_999_999), keys)


@given(lines)
def test_what_is_written_is_read(line: Crypto) -> None:
    assert read_one(line.written()) == line


@given(lines, st.integers(0, 48), st.integers(1, 16), st.data())
def test_lifetime_and_identifier(
    line: Crypto, power: int, length: int, data: st.DataObject
) -> None:
    value = data.draw(st.integers(0, 256**length - 1))
    found = read_one(f"{line.written()}|2^{power}|{value}:{length}")
    assert found is not None
    assert (found.lifetime, found.key.mki) == (2**power, value.to_bytes(length, "big"))
    assert read_one(f"{line.written()}|{2**power}") == Crypto(line.tag, line.key, 2**power)


@given(st.lists(st.text(max_size=200)))
def test_whatever_stands_there(attributes: list[str]) -> None:
    crypto.read(attributes)


@given(st.text(alphabet="crypto:123 AES_CM_128_HMAC_SHA1_80inline:WVN|2^;=+/\t", max_size=200))
def test_whatever_stands_there_that_looks_like_it(text: str) -> None:
    for line in crypto.read([text, f"crypto:{text}", f"{LINE}{text}", f"{LINE} {text}"]):
        assert len(line.key.master) == 30 and 0 < line.lifetime <= 2**48


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace("_80", "_64"),
        LINE.replace("AES_CM_128_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_80"),
        LINE.replace("AES_CM_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80"),
        LINE.replace("inline:", "uri:"),
        LINE[:-1],
        LINE + "AAAA",
        LINE + "|2^49",
        LINE + "|0",
        LINE + "|1:0",
        LINE + "|256:1",
        LINE + "|1:17",
        LINE + f";inline:{INLINE}|2^20|1:4",  # several keys
        LINE + " KDR=3",
        LINE + " UNENCRYPTED_SRTP",
        LINE + " UNENCRYPTED_SRTCP",
        LINE + " UNAUTHENTICATED_SRTP",
        LINE + " FEC_ORDER=FEC_SRTP",
        LINE + " FEC_KEY=inline:x",
        LINE + " SOMETHING_NEW",
        LINE.replace("crypto:1", "crypto:1234567890"),
        LINE.replace("crypto:1", "crypto:x"),
    ],
)
def test_what_cannot_be_used_offers_nothing(line: str) -> None:
    assert read_one(line) is None
    assert crypto.is_offered([line])


@pytest.mark.parametrize(
    "line",
    [LINE + " WSH=128", LINE + " -X-THEIRS=7", f"{LINE}  WSH=64 -Y ", LINE.replace(" ", "\t")],
)
def test_what_changes_nothing_for_us(line: str) -> None:
    assert read_one(line) == Crypto(1, KEY)


def test_two_lines_with_one_tag_are_none() -> None:
    other = LINE.replace("_80", "_32").replace("crypto:1", "crypto:2")
    assert [line.tag for line in crypto.read([LINE, other, LINE])] == [2]


def test_no_key_stands_in_what_is_shown() -> None:
    negotiation = Negotiation("prefer", lambda: MASTER)
    negotiation.answer((Crypto(1, KEY),))
    shown = f"{Crypto(1, KEY)} {Crypto(1, KEY)!r} {KEY} {negotiation.agreed!r} {negotiation!r}"
    assert INLINE not in shown and str(MASTER) not in shown and repr(MASTER) not in shown


# What is agreed -------------------------------------------------------------------------------


def test_an_offer_has_a_key_for_each_suite_and_repeats_it() -> None:
    negotiation = Negotiation("prefer")
    offered = negotiation.offer(first=True)
    assert [(line.tag, line.key.suite) for line in offered] == [
        (1, Suite.SHA1_80),
        (2, Suite.SHA1_32),
    ]
    assert len({line.key.master for line in offered}) == 2
    assert negotiation.offer(first=True) == offered


def test_an_answer_names_one_that_was_offered() -> None:
    negotiation = Negotiation("prefer")
    _, second = negotiation.offer(first=True)
    theirs = MasterKey(MASTER, Suite.SHA1_32)
    agreed = negotiation.take_answer((Crypto(2, theirs),))
    assert agreed is not None
    assert (agreed.send, agreed.receive, agreed.answered) == (second.key, theirs, False)
    assert negotiation.policy == "require"
    assert negotiation.offer(first=False) == (second,)  # and nothing else from now on


@pytest.mark.parametrize(
    "answered", [(Crypto(2, KEY),), (Crypto(3, KEY),), (Crypto(1, KEY), Crypto(1, KEY))]
)
def test_an_answer_that_was_not_offered(answered: tuple[Crypto, ...]) -> None:
    negotiation = Negotiation("prefer")
    negotiation.offer(first=True)
    with pytest.raises(NotEncrypted):
        negotiation.take_answer(answered)
    assert negotiation.agreed is None


@given(st.lists(lines, min_size=1, max_size=4, unique_by=lambda line: line.tag))
def test_the_first_line_of_an_offer_is_taken(offered: list[Crypto]) -> None:
    negotiation = Negotiation("prefer")
    ours = negotiation.answer(tuple(offered))
    assert ours is not None and negotiation.agreed is not None
    assert (ours.tag, ours.key.suite) == (offered[0].tag, offered[0].key.suite)
    assert negotiation.agreed.receive == offered[0].key and negotiation.agreed.answered
    assert ours.key.master != offered[0].key.master


def test_our_key_stays_as_long_as_the_peers_does() -> None:
    negotiation = Negotiation("prefer")
    first = negotiation.answer((Crypto(1, KEY),))
    again = negotiation.answer((Crypto(7, KEY),))
    anew = negotiation.answer((Crypto(7, MasterKey(bytes(30), Suite.SHA1_80)),))
    assert first and again and anew
    assert (again.tag, again.key) == (7, first.key)
    assert anew.key != first.key


def test_after_encrypted_early_media_no_answer_is_in_the_clear() -> None:
    negotiation = Negotiation("prefer")
    negotiation.offer(first=True)
    policies = [negotiation.policy]
    for early in ((), (Crypto(1, KEY),), ()):
        negotiation.preview(early)
        policies.append(negotiation.policy)
    assert policies == ["prefer", "prefer", "require", "require"]


@pytest.mark.parametrize("policy", ["off", "prefer", "require"])
def test_what_is_offered_by_policy(policy: Policy) -> None:
    negotiation = Negotiation(policy)
    assert len(negotiation.offer(first=True)) == (0 if policy == "off" else 2)
    assert negotiation.secure_transport == (policy == "require")
