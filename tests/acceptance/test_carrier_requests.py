"""What carriers that are registered with are sent by a trunk that is like them: what their pages say."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from acceptance.harness import Customer, Onhook, know_trunk
from acceptance.registrar import Asked, Registrar, registrar
from onhook.cli import trunks
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

CALLER = "+49211123456789"


@dataclass(frozen=True)
class Wanted:
    """By one carrier: whom digest names, and the parties of its REGISTER and INVITE."""

    like: str
    username: str
    digest_user: str
    password: str
    of_us: str
    called: str
    caller: str
    preferred: str = ""
    transport: str | None = None
    srtp: str | None = None


CARRIERS = {
    "+49301": Wanted(
        "sipgate", "1234567t0", "1234567t0", "s3cret",
        of_us="sip:1234567t0@sipconnect.sipgate.de",
        called="sip:493011111111@sipconnect.sipgate.de",
        caller="<sip:1234567t0@sipconnect.sipgate.de>",
        preferred="<sip:49211123456789@sipconnect.sipgate.de>",
    ),
    "+49302": Wanted(
        "telnyx", "shop", "shop", "s3cret",
        of_us="sip:shop@sip.telnyx.com",
        called="sip:+493021111111@sip.telnyx.com",
        caller="<sip:+49211123456789@127.0.0.1",
    ),
    "+49303": Wanted(
        "telekom", "+4919912345", "+4919912345@tel.t-online.de", "s3cret",
        of_us="sip:+4919912345@tel.t-online.de",
        called="sip:+493031111111@tel.t-online.de",
        caller="<sip:+49211123456789@tel.t-online.de>",
    ),
    "+49304": Wanted(
        "telekom-line", CALLER, "anonymous@t-online.de", "",
        of_us="sip:+49211123456789@tel.t-online.de",
        called="sip:+493041111111@tel.t-online.de",
        caller="<sip:+49211123456789@tel.t-online.de>",
        preferred="<sip:+49211123456789@tel.t-online.de>",
        transport="udp",
        srtp="off",
    ),
}  # fmt: skip


def invites(carrier: Registrar) -> list[Asked]:
    return [one for one in carrier.asked if one.method == "INVITE"]


def check(wanted: Wanted, register: Asked, invite: Asked) -> None:
    """The two requests against what the page says."""
    assert register.start == f"REGISTER sip:{wanted.of_us.partition('@')[2]} SIP/2.0"
    assert f"<{wanted.of_us}>" in register["From"]
    assert f"<{wanted.of_us}>" in register["To"]
    uri = invite.start.split()[1]
    assert uri.removesuffix(";transport=tcp") == wanted.called
    assert wanted.called in invite["To"]
    assert wanted.caller in invite["From"]
    assert invite["P-Preferred-Identity"] == wanted.preferred
    assert invite["P-Asserted-Identity"]


async def test_what_registrars_are_sent(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """Each stands behind the outbound proxy of its trunk, so that its name is not looked up."""
    server = start()
    customer = await Customer.make(server, receiver, phone)
    async with AsyncExitStack() as stack:
        theirs = {}
        for prefix, wanted in CARRIERS.items():
            made = registrar(username=wanted.digest_user, password=wanted.password)
            theirs[prefix] = await stack.enter_async_context(made)
            given = trunks.Given(
                wanted.like, like=wanted.like, username=wanted.username, prefix=prefix,
                outbound_proxy=f"127.0.0.1:{theirs[prefix].port}", caller_id=CALLER,
                password=wanted.password or None, transport=wanted.transport, srtp=wanted.srtp,
            )  # fmt: skip
            await trunks.add(server.data, given)
            await asyncio.to_thread(know_trunk, server, wanted.like)
        for prefix, wanted in CARRIERS.items():
            carrier = theirs[prefix]
            await carrier.registered()
            url = receiver.url("/dial")
            told = await customer.post(
                "ivr/start/dial", dest=f"{prefix}1111111", msg="Hello.", notify_url=url
            )
            assert told["status"] == "success_ok", told
            await carrier.until("an INVITE", partial(invites, carrier))
            check(wanted, carrier.registers()[-1], invites(carrier)[0])
