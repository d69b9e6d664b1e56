"""Challenges of a trunk: the examples of the RFCs, and whole calls that are challenged."""

import hashlib
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.phone import CallState, SipCause
from onhook.phone.digest import MAX_REALMS, Authenticator, DigestChallenge, read_challenges
from onhook.phone.message import Response
from phone.peer import SDP, Callee, Line, Message, line

URI = "/dir/index.html"
RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def read_challenge(lines: Sequence[str]) -> DigestChallenge | None:
    return next(iter(read_challenges(lines).answerable), None)


def challenged(status: int, *lines: str) -> Response:
    name = "www-authenticate" if status == 401 else "proxy-authenticate"
    return Response(status, "b", "INVITE", {name: list(lines)}, b"")


def answer(line: str, user: str = "Mufasa", password: str = "Circle of Life") -> str:
    authenticator = Authenticator(user, password, lambda: CNONCE)
    assert authenticator.take(challenged(401, line), ())
    ((name, value),) = authenticator.headers("GET", URI)
    assert name == "Authorization"
    return value


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, expected: str) -> None:
    value = answer(RFC_7616.format(algorithm))
    assert f'response="{expected}"' in value
    assert "qop=auth, nc=00000001" in value
    assert f"algorithm={algorithm}" in value
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in value


def test_the_example_of_rfc_7616_for_sha_512_256() -> None:
    """3.9.2, as erratum 4897 has it: what is printed there is SHA-512, cut off."""
    asked = (
        'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
        'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
        'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true'
    )
    authenticator = Authenticator(
        "J\u00e4s\u00f8n Doe",
        "Secret, or not?",
        lambda: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    )
    assert authenticator.take(challenged(401, asked), ())
    ((_, value),) = authenticator.headers("GET", "/doe.json")
    expected = "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert f'response="{expected}"' in value
    assert "algorithm=SHA-512-256" in value


@pytest.mark.parametrize(
    ("algorithm", "name"), [("MD5", "md5"), ("SHA-256", "sha256"), ("SHA-512-256", "sha512_256")]
)
def test_a_session_has_a_key_of_the_nonces_that_it_began_with(algorithm: str, name: str) -> None:
    """RFC 7616 3.4.2; the names are as little sensitive to capitals as they come."""
    given = iter("abcdef")

    def digest(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    authenticator = Authenticator("u", "p", lambda: next(given))
    asked = f'Digest realm="r", nonce="n", qop="auth", algorithm={algorithm}-SESS'
    assert authenticator.take(challenged(401, asked), ())
    key = digest(f"{digest('u:r:p')}:n:a")
    for count in (1, 2):
        ((_, value),) = authenticator.headers("BYE", "sip:x")
        expected = digest(f"{key}:n:0000000{count}:a:auth:{digest('BYE:sip:x')}")
        assert f'response="{expected}"' in value
        assert f"algorithm={algorithm}-sess" in value
        assert 'cnonce="a"' in value


def test_a_session_without_qop_is_none() -> None:
    authenticator = Authenticator("u", "p")
    asked = 'Digest realm="r", nonce="n", algorithm=MD5-sess'
    assert not authenticator.take(challenged(401, asked), ())
    assert "MD5-SESS without a qop" in authenticator.refusal


def test_the_example_of_rfc_2069_without_qop() -> None:
    line = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    value = answer(line, password="CircleOfLife")
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in value
    assert "qop" not in value
    assert "algorithm" not in value


def test_the_better_algorithm_is_taken_in_whatever_order_or_line() -> None:
    md5, sha = RFC_7616.format("MD5"), RFC_7616.format("SHA-256")
    other = RFC_7616.format("SHA-512-256")
    for lines in (
        (md5, sha),
        (sha, md5),
        (f"{md5}, {sha}",),
        (other, f"Basic realm=x, {sha}", md5),
    ):
        challenge = read_challenge(lines)
        assert challenge is not None
        assert challenge.algorithm == "SHA-256"
        assert challenge.opaque is not None


@pytest.mark.parametrize(
    "line",
    [
        "", "Digest", "Digest ", "Basic realm=x", 'Digest realm="r"', 'Digest nonce="n"',
        'Digest realm="r", nonce=""', 'Digest realm="r", nonce="n", algorithm=MD5-sess',
        'Digest realm="r", nonce="n", qop="auth-int"', 'Digest realm="r', "Digest =,=,,==",
        'Digest realm="' + "r" * 5000 + '", nonce="n"', 'NTLM realm="r", nonce="n"',
    ],
)  # fmt: skip
def test_what_cannot_be_answered(line: str) -> None:
    assert read_challenge([line]) is None
    assert not Authenticator("u", "p").take(challenged(401, line), ())


@given(st.text(max_size=80))
def test_any_challenge_is_read_or_not(text: str) -> None:
    for value in (text, f"Digest {text}", f'Digest realm="{text}", nonce="n", {text}'):
        challenge = read_challenge([value])
        assert challenge is None or challenge.nonce


def test_quotes_and_counting() -> None:
    authenticator = Authenticator('a"b\\', "p", lambda: "c")
    line = 'Digest realm="say \\"hi\\"", nonce="n", qop=auth, stale=FALSE'
    assert authenticator.take(challenged(407, line), ())
    for count in (1, 2, 3):
        ((name, value),) = authenticator.headers("BYE", "sip:x")
        assert name == "Proxy-Authorization"
        assert value.startswith('Digest username="a\\"b\\\\", realm="say \\"hi\\"", nonce="n"')
        assert f"nc=0000000{count}" in value


def test_when_to_try_again() -> None:
    authenticator = Authenticator("u", "p")
    good = 'Digest realm="r", nonce="n"'
    stale = good + ", stale=true"
    assert not authenticator.take(challenged(403, good), ())
    assert authenticator.take(challenged(401, good), ())
    assert authenticator.take(challenged(407, good), (401,))
    assert not authenticator.take(challenged(401, good), (401,))
    assert authenticator.take(challenged(401, stale), (401, 407))
    assert not authenticator.take(challenged(401, stale), (401, 407, 401))
    assert not Authenticator("", "").take(challenged(401, good), ())


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (('Digest realm="r", nonce="n", qop="auth-int"',), "it asks for qop auth-int, and we have auth"),
        (('Digest realm="r", nonce="n", algorithm=AKAv1-MD5',), "algorithm AKAV1-MD5, and we have SHA-256"),
        (("NTLM realm=x",), "it asks for the scheme NTLM, and we have Digest"),
        (('Digest realm="r"',), "no realm or no nonce"),
        ((), "its challenge cannot be read"),
    ],
)  # fmt: skip
def test_what_was_asked_for_is_said(lines: tuple[str, ...], why: str) -> None:
    authenticator = Authenticator("u", "p")
    assert not authenticator.take(challenged(401, *lines), ())
    assert why in authenticator.refusal


def test_why_credentials_are_not_repeated() -> None:
    good = 'Digest realm="r", nonce="n"'
    nobody = Authenticator("", "")
    assert not nobody.take(challenged(401, good), ())
    assert "no user name" in nobody.refusal
    authenticator = Authenticator("u", "p")
    assert authenticator.take(challenged(401, good), ())
    assert authenticator.refusal == ""
    assert not authenticator.take(challenged(401, good), (401,))
    assert "does not accept" in authenticator.refusal


def test_every_realm_is_answered_with_the_best_that_it_offers() -> None:
    authenticator = Authenticator("u", "p")
    first = ('Digest realm="a", nonce="1"', 'Digest realm="a", nonce="2", algorithm=SHA-256')
    assert authenticator.take(challenged(407, *first), ())
    assert authenticator.take(challenged(407, 'Digest realm="b", nonce="3"'), (407,))
    answered = [value for _, value in authenticator.headers("INVITE", "sip:x")]
    assert ['nonce="2"' in answered[0], 'nonce="3"' in answered[1], len(answered)] == [
        True,
        True,
        2,
    ]
    many = [f'Digest realm="{n}", nonce="n"' for n in range(50)]
    assert authenticator.take(challenged(401, *many), ())
    assert len(list(authenticator.headers("INVITE", "sip:x"))) == 2 + MAX_REALMS
    for n in range(50):
        authenticator.take(challenged(407, f'Digest realm="{n}", nonce="n"'), ())
    assert len(list(authenticator.headers("INVITE", "sip:x"))) == 2 * MAX_REALMS


# Whole calls.

TRUNK = {"username": "onhook", "password": "s3cret"}


def right(request: Message, name: str, realm: str, nonce: str, password: str = "s3cret") -> bool:
    """Whether the credentials are right, worked out by hand."""
    value = request[name]
    fields = dict(re.findall(r'(\w+)="?([^",]*)"?', value.removeprefix("Digest ")))
    assert (fields["username"], fields["realm"]) == ("onhook", realm)
    assert fields["nonce"] == nonce
    method, uri, _ = request.start.split()
    assert fields["uri"] == uri
    digest = hashlib.sha256 if fields.get("algorithm") == "SHA-256" else hashlib.md5

    def h(text: str) -> str:
        return digest(text.encode()).hexdigest()

    middle = f":{fields['nc']}:{fields['cnonce']}:auth" if "qop" in fields else ""
    expected = h(f"{h(f'onhook:{realm}:{password}')}:{nonce}{middle}:{h(f'{method}:{uri}')}")
    return bool(fields["response"] == expected)


async def challenge(on: Line, callee: Callee, status: int, *lines: str) -> Callee:
    """Challenge an INVITE; the one that follows."""
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    callee.respond(status, headers=tuple(f"{name}: {line}" for line in lines))
    await on.peer.request("ACK")
    return Callee(on.peer, await on.peer.request("INVITE"))


async def test_401_then_407_in_one_call() -> None:
    async with line() as on:
        dialler, first = await on.dialled(**TRUNK)
        assert first.invite.all("Authorization") == []
        first.respond(100)
        second = await challenge(
            on, first, 401, 'Digest realm="a", nonce="1", algorithm=MD5, qop="auth"',
            'Digest realm="a", nonce="2", algorithm=SHA-256, qop="auth"',
        )  # fmt: skip
        assert right(second.invite, "Authorization", "a", "2")
        assert second.invite.all("Proxy-Authorization") == []
        assert second.invite["CSeq"] == "2 INVITE"
        for name in ("Call-ID", "From", "To"):
            assert second.invite[name] == first.invite[name]
        assert second.invite["Via"] != first.invite["Via"]
        assert second.invite.body == first.invite.body
        third = await challenge(on, second, 407, 'Digest realm="b", nonce="3"')
        assert right(third.invite, "Authorization", "a", "2")
        assert "nc=00000002" in third.invite["Authorization"]
        assert right(third.invite, "Proxy-Authorization", "b", "3")
        third.respond(180)
        ack = await third.answer()
        assert ack["CSeq"] == "3 ACK"
        for name in ("Authorization", "Proxy-Authorization"):  # RFC 3261 22.1
            assert ack[name] == third.invite[name]
        await dialler.until("answered")
        assert dialler.names == ["progressed", "answered"]
        assert on.endpoint.live_calls == 1

        dialler.call.hangup()
        bye = await on.peer.request("BYE")
        assert bye["CSeq"] == "4 BYE"
        assert right(bye, "Authorization", "a", "2")
        fresh = 'Proxy-Authenticate: Digest realm="b", nonce="4"'
        lines = [name for name in bye.lines if name.split(":")[0] in
                 ("Via", "From", "To", "Call-ID", "CSeq")]  # fmt: skip
        on.peer.send("\r\n".join(["SIP/2.0 407 No", *lines, fresh]) + "\r\n\r\n")
        again = await on.peer.request("BYE")
        assert again["CSeq"] == "5 BYE"
        assert right(again, "Proxy-Authorization", "b", "4")
        on.peer.send("\r\n".join(["SIP/2.0 407 No", *(
            text if not text.startswith("CSeq") else "CSeq: 5 BYE"
            for text in again.lines if text.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")
        ), fresh]) + "\r\n\r\n")  # fmt: skip
        assert await dialler.until("hangup_done") == SipCause(407)


async def test_wrong_credentials() -> None:
    async with line() as on:
        dialler, first = await on.dialled(**TRUNK)
        second = await challenge(on, first, 407, 'Digest realm="r", nonce="1"')
        second.respond(407, headers=('Proxy-Authenticate: Digest realm="r", nonce="2"',))
        await on.peer.request("ACK")
        assert await dialler.until("failed") == SipCause(
            407, None, "it does not accept the user name and password"
        )
        await on.peer.quiet()


async def test_what_cannot_be_answered_is_the_reason_of_the_failure() -> None:
    async with line() as on:
        for given, said in ((TRUNK, "qop auth-int"), ({}, "no user name")):
            dialler, callee = await on.dialled(**given)
            asked = 'Digest realm="r", nonce="1", qop="auth-int"'
            callee.respond(401, headers=(f"WWW-Authenticate: {asked}",))
            await on.peer.request("ACK")
            cause = await dialler.until("failed")
            assert isinstance(cause, SipCause)
            assert cause.status == 401
            assert said in cause.text


async def test_digest_names_another_user() -> None:
    async with line() as on:
        _, first = await on.dialled(**TRUNK, auth_user="0001")
        second = await challenge(on, first, 401, 'Digest realm="a", nonce="1"')
        assert 'username="0001"' in second.invite["Authorization"]


async def test_a_stale_nonce_is_replaced_but_not_for_ever() -> None:
    async with line() as on:
        dialler, callee = await on.dialled(**TRUNK)
        for number in range(3):
            stale = f'Digest realm="r", nonce="{number}", stale=true'
            callee = await challenge(on, callee, 401, stale)
            assert right(callee.invite, "Authorization", "r", str(number))
        callee.respond(401, headers=('WWW-Authenticate: Digest realm="r", nonce="9", stale=true',))
        await on.peer.request("ACK")
        assert isinstance(await dialler.until("failed"), SipCause)
        await on.peer.quiet()


async def test_a_challenge_to_a_call_that_was_taken_back() -> None:
    async with line() as on:
        dialler, callee = await on.dialled(**TRUNK)
        dialler.call.hangup()
        callee.respond(401, headers=('WWW-Authenticate: Digest realm="r", nonce="1"',))
        await on.peer.request("ACK")
        cause = await dialler.until("failed")
        assert isinstance(cause, SipCause)
        assert cause.status == 487
        await on.peer.quiet()


async def test_a_hangup_after_a_challenge_waits_for_the_second_invite_to_be_heard() -> None:
    async with line() as on:
        dialler, first = await on.dialled(**TRUNK)
        first.respond(100)
        second = await challenge(on, first, 401, 'Digest realm="r", nonce="1"')
        assert dialler.call.state is CallState.DIALLING
        dialler.call.hangup()
        await on.peer.quiet()
        second.respond(100)
        cancel = await on.peer.request("CANCEL")
        assert cancel["Via"] == second.invite["Via"]
        assert cancel["CSeq"] == "2 CANCEL"


async def test_an_answer_to_a_call_that_was_challenged_is_that_of_its_last_invite() -> None:
    async with line() as on:
        dialler, first = await on.dialled(**TRUNK)
        second = await challenge(on, first, 401, 'Digest realm="r", nonce="1"')
        first.respond(200, SDP)  # of a transaction that has been refused
        await on.peer.quiet()
        assert dialler.names == []
        await second.answer()
        await dialler.until("answered")
