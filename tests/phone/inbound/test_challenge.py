"""Digest as a server: what proves somebody, how long, and how often."""

import hashlib
import re

import pytest

from onhook.phone.inbound import challenge as digest
from onhook.phone.inbound.challenge import Challenge, Challenger, Wrong
from onhook.phone.inbound.sources import InboundSources, TrunkSource
from onhook.phone.message import Request, parse
from onhook.phone.trunk import Trunk

TRUNK = Trunk("192.0.2.1", name="branch", username="u", password="p", inbound=("digest",))
OTHER = Trunk("192.0.2.2", name="other", username="u", password="q", inbound=("digest",))
CLOSED = Trunk("192.0.2.3", name="closed", username="closed", password="c")
SOURCES = InboundSources([TrunkSource(TRUNK), TrunkSource(OTHER), TrunkSource(CLOSED)])
URI = "sip:+6531234567@us"


class Now:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def door(now: Now) -> Challenger:
    return Challenger(now)


def invite(*authorization: str, host: str = "198.51.100.7") -> Request:
    lines = [
        f"INVITE {URI} SIP/2.0",
        *("Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa", "From: <sip:x@y>;tag=1", "To: <sip:us>"),
        *("Call-ID: a@b", "CSeq: 1 INVITE"),
        *(f"Authorization: {line}" for line in authorization),
        *("", ""),
    ]
    read = parse("\r\n".join(lines).encode(), (host, 5060))
    assert isinstance(read, Request)
    return read


def nonce_of(door: Challenger, *, host: str = "198.51.100.7") -> str:
    found = door.look_at(invite(host=host), SOURCES)
    assert isinstance(found, Challenge)
    [nonce] = {re.findall('nonce="([^"]+)"', value)[0] for _, value in found.headers}
    assert all("stale" not in value for _, value in found.headers)
    return str(nonce)


def answer(
    nonce: str, *, user: str = "u", password: str = "p", count: int = 1, qop: bool = True
) -> str:
    secret = hashlib.md5(f"{user}:onhook:{password}".encode()).hexdigest()
    asked = hashlib.md5(f"INVITE:{URI}".encode()).hexdigest()
    between = f"{nonce}:{count:08x}:c:auth" if qop else nonce
    response = hashlib.md5(f"{secret}:{between}:{asked}".encode()).hexdigest()
    more = f', cnonce="c", nc={count:08x}, qop=auth' if qop else ""
    return (
        f'Digest username="{user}", realm="onhook", nonce="{nonce}", uri="{URI}", '
        f'response="{response}"{more}'
    )


def is_stale(found: object) -> bool:
    assert isinstance(found, Challenge)
    return all("stale=true" in value for _, value in found.headers)


def test_the_password_tells_trunks_of_one_user_apart(door: Challenger) -> None:
    for trunk in (TRUNK, OTHER):
        proof = answer(nonce_of(door), password=trunk.password)
        assert door.look_at(invite(proof), SOURCES) is trunk


def test_a_caller_that_knows_no_qop_has_one_try_a_nonce(door: Challenger) -> None:
    proof = answer(nonce_of(door), qop=False)
    assert door.look_at(invite(proof), SOURCES) is TRUNK
    assert is_stale(door.look_at(invite(proof), SOURCES))


def test_counts_only_rise(door: Challenger) -> None:
    nonce = nonce_of(door)
    for count, taken in [(1, True), (5, True), (3, False), (5, False), (6, True)]:
        found = door.look_at(invite(answer(nonce, count=count)), SOURCES)
        assert (found is TRUNK) is taken
        assert taken or is_stale(found)


def test_a_nonce_is_stale_after_a_minute(door: Challenger, now: Now) -> None:
    nonce = nonce_of(door)
    now.s += digest.NONCE_S
    assert door.look_at(invite(answer(nonce)), SOURCES) is TRUNK
    now.s += 0.01
    assert is_stale(door.look_at(invite(answer(nonce, count=2)), SOURCES))


def test_a_nonce_of_another_address_or_process_is_none(door: Challenger, now: Now) -> None:
    for nonce in (
        nonce_of(door, host="198.51.100.8"),
        nonce_of(Challenger(now)),
        "",
        "x",
        "1e999-",
    ):
        found = door.look_at(invite(answer(nonce)), SOURCES)
        assert isinstance(found, Challenge)
        assert not is_stale(found)


def test_forgotten_nonces_cannot_be_used_again(
    door: Challenger, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "MAX_NONCES", 2)
    first = answer(nonce_of(door))
    assert door.look_at(invite(first), SOURCES) is TRUNK
    for _ in range(2):
        now.s += 1
        assert door.look_at(invite(answer(nonce_of(door))), SOURCES) is TRUNK
    assert is_stale(door.look_at(invite(first), SOURCES))


def test_a_trunk_without_digest_opens_nothing(door: Challenger) -> None:
    proof = answer(nonce_of(door), user="closed", password="c")
    assert door.look_at(invite(proof), SOURCES) == Wrong()


def test_an_address_that_guesses_is_not_listened_to_for_a_minute(
    door: Challenger, now: Now
) -> None:
    for _ in range(digest.MAX_WRONG):
        assert door.look_at(invite(answer(nonce_of(door), password="x")), SOURCES) == Wrong()
    assert door.look_at(invite(), SOURCES) == Wrong()
    elsewhere = answer(nonce_of(door, host="198.51.100.8"))
    assert door.look_at(invite(elsewhere, host="198.51.100.8"), SOURCES) is TRUNK
    now.s += digest.WRONG_S
    assert door.look_at(invite(answer(nonce_of(door))), SOURCES) is TRUNK


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "Basic dTpw",
        "Digest",
        'Digest username="u"',
        'Digest realm="onhook", username="u", nonce="n", uri="u", response="\xff\xfe"',
        'Digest realm="onhook", username="u", nonce="\xe9-\xe9", uri="u", response="r", nc=zz, qop=auth',
        'Digest realm="onhook", username="u", nonce="n", uri="u", response="r", qop=auth-int',
        'Digest realm="onhook", username="u", nonce="n", uri="u", response="r", algorithm=SHA-512',
        "Digest " + "a=b, " * 1000,
        'Digest realm="onhook' + '\\"' * 1000,
    ],
)
def test_what_cannot_be_read_is_asked_again(door: Challenger, garbage: str) -> None:
    found = door.look_at(invite(garbage), SOURCES)
    assert isinstance(found, Challenge)
    assert not is_stale(found)


def test_of_several_credentials_those_for_us_count(door: Challenger) -> None:
    proof = answer(nonce_of(door))
    others = proof.replace('realm="onhook"', 'realm="proxy.example"')
    assert door.look_at(invite(others, proof), SOURCES) is TRUNK
