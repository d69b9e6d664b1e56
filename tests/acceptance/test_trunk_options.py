"""What is changed of a trunk while the server runs stands in the next INVITE, as `onhook.testing` sees it."""

import asyncio

from acceptance.harness import Callee, Customer, know_trunk, lay_trunk
from acceptance.test_dial import dialled
from acceptance.test_operator_commands import command
from onhook.testing.phone import Phone


async def test_a_running_server_takes_a_change_over(customer: Customer) -> None:
    line = await asyncio.to_thread(lay_trunk, customer.server, prefix="+6597")
    name = f"t{line.port}"
    changes = (
        *("--number-format", "e164", "--from-user", "shop", "--from-domain", "shop.example.com"),
        *("--codecs", "alaw", "--header", "X-Account: 7", "--privacy", "header"),
        *("--outbound-proxy", f"127.0.0.1:{line.port}", "--proxy", "carrier.invalid"),
        *("--username", "u", "--auth-user", "0001"),
    )
    async with Phone(port=line.port) as phone:
        callee = Callee(phone, line)
        before, _ = await dialled(customer, callee)
        assert before.invite.uri.startswith(f"sip:{before.called}@127.0.0.1")
        before.reject(486)
        await customer.receiver.next()
        said = len(customer.server.log)
        await command(customer.server, "trunk", "set", name, *changes)
        await asyncio.to_thread(know_trunk, customer.server, name, said)
        phone.challenge("0001", "", algorithms=("SHA-256",))
        number = callee.another()
        url = customer.receiver.url("/dial")
        reply = await customer.post("ivr/start/dial", dest=number, notify_url=url)
        assert reply["status"] == "success_ok", reply
        call = await phone.incoming(called=number.removeprefix("+"))
        invite = call.invite
        assert invite.uri == f"sip:{number.removeprefix('+')}@carrier.invalid"
        assert invite.need("Route") == f"<sip:127.0.0.1:{line.port};lr>"
        assert invite.need("From").startswith("<sip:shop@shop.example.com>;tag=")
        assert (invite.need("X-Account"), invite.need("Privacy")) == ("7", "header")
        assert 'username="0001"' in invite.need("Proxy-Authorization")
        assert "m=audio" in invite.body.decode()
        assert "PCMU" not in invite.body.decode()
        await call.answer()
        told = await customer.receiver.next()
        assert (told["dial_status"], told["dest"]) == ("answered", number)
        await customer.hangup(reply["session"], notify_url=customer.receiver.url("/over"))
        await call.ended()
        await customer.receiver.next()
        await command(customer.server, "trunk", "remove", name)
