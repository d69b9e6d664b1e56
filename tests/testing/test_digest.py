"""A phone that challenges like a trunk: what it takes, what it refuses, and why."""

import re

import pytest

from onhook.testing import Phone, PhoneCall, digest
from onhook.testing.digest import expected_response, read_params
from onhook.testing.sip_text import SipMessage

NUMBER = "+6531234567"
WHO, SECRET = "shop", 'pass "word"'


def test_the_examples_of_rfc_7616() -> None:
    """Section 3.9.1, with both algorithms."""
    given = {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "qop": "auth",
        "algorithm": "MD5",
    }
    md5 = expected_response(given, "Circle of Life", "GET", b"")
    assert md5 == "8ca523f5e9506fed4657c9700eebdbec"
    sha256 = expected_response({**given, "algorithm": "SHA-256"}, "Circle of Life", "GET", b"")
    assert sha256 == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_the_example_of_rfc_2069() -> None:
    """Without qop; the response is that of the RFC's erratum 749."""
    given = {
        "username": "Mufasa",
        "realm": "testrealm@host.com",
        "uri": "/dir/index.html",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    }
    response = expected_response(given, "CircleOfLife", "GET", b"")
    assert response == "1949323746fe6a43ef61f9606e7febea"


@pytest.mark.parametrize(
    ("value", "params"),
    [
        ('Digest a="b",C = d , e="x, \\"y\\" z"', {"a": "b", "c": "d", "e": 'x, "y" z'}),
        ("digest nc=00000001", {"nc": "00000001"}),
        ("Basic abc", {}),
        ('Digest a="b', {}),
        ("Digest ,", {}),
    ],
)
def test_parameters_are_read(value: str, params: dict[str, str]) -> None:
    assert read_params(value) == params


def authorize(asked: SipMessage, name: str, **changes: str) -> tuple[str, str]:
    """Answer the first challenge of a response as a client does, with a change or a parameter less."""
    line = next(v for k, v in asked.headers if k == name)
    challenge = read_params(line)
    given = {
        "username": WHO,
        "realm": challenge["realm"],
        "nonce": challenge["nonce"],
        "uri": f"sip:{NUMBER}@trunk",
        "algorithm": challenge["algorithm"],
    }
    if "qop" in challenge:
        given |= {"qop": challenge["qop"], "nc": "00000001", "cnonce": "abc"}
    given |= changes
    given = {key: value for key, value in given.items() if value}
    password = given.pop("password", SECRET)
    if ("response" not in given and "nc" in given) or "qop" not in given:
        given["response"] = expected_response(given, password, "INVITE", b"")
    quoted = ", ".join(
        f"{key}={value}" if key in ("nc", "qop", "algorithm") else f'{key}="{value}"'
        for key, value in given.items()
    )
    return {"WWW-Authenticate": "Authorization"}.get(
        name, "Proxy-Authorization"
    ), f"Digest {quoted}"


async def ask(caller: Phone, trunk: Phone, *headers: tuple[str, str]) -> PhoneCall:
    return await caller.call(
        f"sip:{NUMBER}@trunk", server=trunk.address, headers=headers, offer=False
    )


async def refusal(call: PhoneCall) -> SipMessage:
    code = (await call.ended()).code
    assert code is not None
    return call.log.received(code)[0].message


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("algorithms", [("MD5",), ("SHA-256", "MD5"), ("SHA-512-256",)])
@pytest.mark.parametrize("qop", ["auth", "auth-int", ""])
async def test_a_proper_answer_is_taken(status: int, algorithms: tuple[str, ...], qop: str) -> None:
    async with Phone() as caller, Phone() as trunk:
        challenge = trunk.challenge(WHO, SECRET, algorithms=algorithms, status=status, qop=qop)
        asked = await refusal(await ask(caller, trunk))
        assert asked.status == status
        name = digest.ASKED_IN[status][0]
        lines = [value for key, value in asked.headers if key == name]
        assert [read_params(line)["algorithm"] for line in lines] == list(algorithms)
        out = await ask(caller, trunk, authorize(asked, name))
        await (await trunk.incoming()).answer()
        await out.answered()
        assert challenge.wrong == []
        assert len(trunk.arrivals.challenged) == 1
        assert len(trunk.incoming_calls) == 1


async def test_both_challenges_must_be_met() -> None:
    async with Phone() as caller, Phone() as trunk:
        trunk.challenge(WHO, SECRET, status=401, realm="one")
        trunk.challenge(WHO, SECRET, status=407, realm="two", algorithms=("SHA-256",))
        first = authorize(await refusal(await ask(caller, trunk)), "WWW-Authenticate")
        asked = await refusal(await ask(caller, trunk, first))
        assert asked.status == 407
        again = (first[0], renew(first[1]))
        await ask(caller, trunk, again, authorize(asked, "Proxy-Authenticate"))
        assert (await trunk.incoming()).called == NUMBER


def renew(line: str) -> str:
    """Use the same nonce a second time."""
    given = {**read_params(line), "nc": "00000002"}
    response = expected_response(given, SECRET, "INVITE", b"")
    line = line.replace("nc=00000001", "nc=00000002")
    return re.sub(r'response="\w+"', f'response="{response}"', line)


async def test_a_stale_answer_is_asked_for_again() -> None:
    async with Phone() as caller, Phone() as trunk:
        challenge = trunk.challenge(WHO, SECRET, stale=1)
        name = "Proxy-Authenticate"
        asked = await refusal(await ask(caller, trunk))
        again = await refusal(await ask(caller, trunk, authorize(asked, name)))
        assert "stale=true" in (again.header(name) or "")
        await ask(caller, trunk, authorize(again, name))
        await trunk.incoming()
        assert challenge.wrong == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"password": "other"}, "a wrong response"),
        ({"username": "else"}, "another username"),
        ({"nonce": "1234"}, "a nonce that was not given out"),
        ({"uri": "sip:other@trunk"}, "the uri is not that of the request"),
        ({"algorithm": "SHA-256"}, "the algorithm SHA-256"),
        ({"qop": "auth-int"}, "the qop is none of those offered"),
        ({"nc": "1"}, "nc is not eight"),
        ({"nc": "00000000"}, "nc is not eight"),
        ({"response": "0" * 32, "cnonce": ""}, "no cnonce"),
    ],
)
async def test_an_improper_answer_is_refused(changes: dict[str, str], sentence: str) -> None:
    async with Phone() as caller, Phone() as trunk:
        challenge = trunk.challenge(WHO, SECRET)
        asked = await refusal(await ask(caller, trunk))
        answer = authorize(asked, "Proxy-Authenticate", **changes)
        assert (await refusal(await ask(caller, trunk, answer))).status == 407
        (wrong,) = challenge.wrong
        assert sentence in wrong
        assert trunk.incoming_calls == []


async def test_what_cannot_be_asked() -> None:
    async with Phone() as trunk:
        with pytest.raises(ValueError, match="SHA-1"):
            trunk.challenge(WHO, SECRET, algorithms=("SHA-1",))
        with pytest.raises(ValueError, match="401 or a 407"):
            trunk.challenge(WHO, SECRET, status=403)
