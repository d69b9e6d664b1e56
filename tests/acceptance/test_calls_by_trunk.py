"""Calls that come in by a trunk: from its addresses, or with its password from anywhere."""

import asyncio
import hashlib
import json
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from acceptance.asking import OK
from acceptance.harness import Customer, Onhook
from acceptance.talking import PATIENCE_S
from acceptance.test_operator_commands import command
from onhook.cli import trunks
from onhook.store import Store
from onhook.store.seal import keyring_of
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Receiver
from onhook.testing.sip_text import SipMessage
from ports import fresh_port

USER, PASSWORD = "branch-7", "of-the-branch"
CARRIER, LISTED, EXCHANGE, STRANGER = "127.0.0.5", "127.0.0.20", "127.0.0.6", "127.0.0.9"
TRUNKS = (
    trunks.Given("carrier", f"{CARRIER}:5060", inbound="127.0.0.16/28"),
    trunks.Given(
        "exchange",
        f"{EXCHANGE}:5060",
        number_format="national:65",
        called_from="p-called-party-id",
        caller_from="rpid",
    ),
    trunks.Given("branch", "127.0.0.7:5060", inbound="digest", username=USER, password=PASSWORD),
)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Onhook]:
    """A server that trusts no address but those of its trunks, which it knows when it starts."""
    data = Path(tempfile.mkdtemp(prefix="onhook-"))
    asyncio.run(_with_trunks(data))
    running = Onhook({"trusted_peers": "192.0.2.1/32"}, data=data)
    yield running
    running.close()


async def _with_trunks(data: Path) -> None:
    """What an earlier run of the server left in its data directory."""
    store = await Store.open(data)
    await keyring_of(store, data)
    await store.close()
    for given in TRUNKS:
        await trunks.add(data, given)


@pytest.fixture
async def customer(guarded: Onhook) -> AsyncIterator[Customer]:
    async with Receiver(port=fresh_port(), repeats=False) as receiver, Phone() as phone:
        yield await Customer.make(guarded, receiver, phone)


async def shown(server: Onhook, session: str) -> dict[str, object]:
    """What ``onhook calls show`` says of a call."""
    return dict(json.loads(await command(server, "calls", "show", session, "--json")))


@pytest.mark.parametrize("host", [CARRIER, LISTED])
async def test_a_call_from_a_trunks_address_is_taken_and_told_by_its_name(
    customer: Customer, host: str
) -> None:
    async with Phone(host=host) as carrier:
        call = await carrier.call(customer.number, server=customer.server.sip)
        told = await customer.receiver.next(to=customer.number)
        assert (told["trunk"], told["from"]) == ("carrier", carrier.number)
        url = customer.receiver.url("/over")
        assert await customer.hangup(told["session"], notify_url=url) == OK
        assert (await call.ended()).how is How.REJECTED
        last = await customer.receiver.next(session=told["session"], ivr_block="hangup")
        assert last["trunk"] == "carrier"
    assert (await shown(customer.server, told["session"]))["trunk"] == "carrier"


async def test_each_trunk_says_in_its_own_way_who_calls_whom(customer: Customer) -> None:
    national = customer.number.removeprefix("+65")
    headers = [
        ("P-Called-Party-ID", f"<sip:{national}@exchange.example;user=phone>"),
        ("Remote-Party-ID", '"Mei Tan" <sip:91871234@exchange.example>;party=calling;privacy=off'),
        ("P-Asserted-Identity", "<sip:+6561110000@exchange.example>"),
    ]
    async with Phone("1001", host=EXCHANGE) as exchange:
        call = await exchange.call("main", server=customer.server.sip, headers=headers)
        told = await customer.receiver.next(to=customer.number)
        assert (told["trunk"], told["from"]) == ("exchange", "+6591871234")
        assert told["from_name"] == "Mei Tan"
        assert await customer.hangup(told["session"]) == OK
        await call.ended()


async def test_the_called_number_is_that_of_the_request_uri_elsewhere(customer: Customer) -> None:
    headers = [("P-Called-Party-ID", "<sip:+6561110000@carrier.example>")]
    async with Phone(host=CARRIER) as carrier:
        call = await carrier.call(customer.number, server=customer.server.sip, headers=headers)
        told = await customer.receiver.next(to=customer.number)
        assert await customer.hangup(told["session"]) == OK
        await call.ended()


# By digest ------------------------------------------------------------------------------------


async def refused(phone: Phone, customer: Customer, **options: object) -> SipMessage:
    """The final response to an INVITE that does not get through."""
    call = await phone.call(customer.number, server=customer.server.sip, **options)  # type: ignore[arg-type]
    ended = await call.ended()
    assert ended.code is not None
    return call.log.received(ended.code)[-1].message


def answer(
    challenge: SipMessage,
    customer: Customer,
    *,
    user: str = USER,
    password: str = PASSWORD,
    algorithm: str = "SHA-256",
    count: str = "00000001",
    **changed: str,
) -> list[tuple[str, str]]:
    """What a caller that has this password says to a challenge (RFC 7616 3.4)."""
    lines = [text for name, text in challenge.headers if name == "WWW-Authenticate"]
    [line] = [one for one in lines if f"algorithm={algorithm}," in one]
    said = dict(re.findall(r'(\w+)="?([^",]*)"?', line)) | changed
    hashed = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}[algorithm]

    def of(text: str) -> str:
        return hashed(text.encode()).hexdigest()

    uri = f"sip:{customer.number}@127.0.0.1"
    secret, asked = of(f"{user}:{said['realm']}:{password}"), of(f"INVITE:{uri}")
    response = of(f"{secret}:{said['nonce']}:{count}:0a4f113b:auth:{asked}")
    return [
        (
            "Authorization",
            f'Digest username="{user}", realm="{said["realm"]}", nonce="{said["nonce"]}", uri="{uri}", '
            f'response="{response}", algorithm={algorithm}, cnonce="0a4f113b", qop=auth, nc={count}',
        )
    ]


@pytest.fixture
async def stranger() -> AsyncIterator[Phone]:
    async with Phone(host=STRANGER) as phone:
        yield phone


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
async def test_a_trunks_user_calls_from_anywhere_with_the_password(
    customer: Customer, stranger: Phone, algorithm: str
) -> None:
    challenge = await refused(stranger, customer)
    assert challenge.status == 401
    headers = answer(challenge, customer, algorithm=algorithm)
    call = await stranger.call(customer.number, server=customer.server.sip, headers=headers)
    told = await customer.receiver.next(to=customer.number)
    assert told["trunk"] == "branch"
    await call.cancel()
    assert (await customer.receiver.next(session=told["session"]))["cause"] == "cancelled"
    # The same answer once more is no proof: somebody may have heard it.
    again = await refused(stranger, customer, headers=headers)
    assert again.status == 401
    assert "stale=true" in again.need("WWW-Authenticate")
    onward = answer(challenge, customer, algorithm=algorithm, count="00000002")
    call = await stranger.call(customer.number, server=customer.server.sip, headers=onward)
    told = await customer.receiver.next(to=customer.number)
    assert await customer.hangup(told["session"]) == OK
    await call.ended()
    assert PASSWORD not in customer.server.log


async def test_who_is_wrong_is_not_told_in_what(customer: Customer, stranger: Phone) -> None:
    """A wrong password and a user whom nobody knows look the same, and after ten nothing is looked at."""
    wrong = []
    for user, password in [(USER, "guess"), ("nobody", "guess"), ("nobody", PASSWORD)] * 4:
        challenge = await refused(stranger, customer)
        if challenge.status == 403:
            break
        headers = answer(challenge, customer, user=user, password=password)
        wrong.append(await refused(stranger, customer, headers=headers))
    assert len(wrong) == 10
    assert {(one.status, one.start) for one in wrong} == {(403, wrong[0].start)}
    assert challenge.start == wrong[0].start
    assert customer.receiver.waiting() == []


async def test_a_nonce_is_of_this_server_and_for_one_address(customer: Customer) -> None:
    async with Phone(host="127.0.0.10") as one, Phone(host="127.0.0.11") as other:
        challenge = await refused(one, customer)
        stolen = await refused(other, customer, headers=answer(challenge, customer))
        made_up = answer(challenge, customer, nonce="9" * 10 + "-" + "0" * 32)
        invented = await refused(other, customer, headers=made_up)
    assert (stolen.status, invented.status) == (401, 401)
    assert customer.receiver.waiting() == []


async def test_other_strangers_are_refused_as_ever(customer: Customer, stranger: Phone) -> None:
    """The password opens INVITE; nobody is asked for it who wants something else."""
    options = await stranger.options(customer.server.sip)
    assert options.status == 403


async def test_a_trunk_that_is_removed_opens_nothing(customer: Customer) -> None:
    """A running server knows of it within seconds."""
    given = trunks.Given("passing", "127.0.0.12:5060")
    await trunks.add(customer.server.data, given)
    async with Phone(host="127.0.0.12") as carrier:
        await _until(carrier, customer, taken=True)
        await trunks.remove(customer.server.data, "passing")
        await _until(carrier, customer, taken=False)


async def _until(phone: Phone, customer: Customer, *, taken: bool) -> None:
    """Calls until a call is let in, or is not any more."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            call: PhoneCall = await phone.call(customer.number, server=customer.server.sip)
            ringing = asyncio.ensure_future(call.ringing())
            over = asyncio.ensure_future(call.ended())
            await asyncio.wait((ringing, over), return_when=asyncio.FIRST_COMPLETED)
            let_in = not over.done()
            if let_in:
                await call.cancel()
            ringing.cancel()
            over.cancel()
            await asyncio.gather(ringing, over, return_exceptions=True)
            if let_in is taken:
                return
