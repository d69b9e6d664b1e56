"""Registered with Kamailio, and called through it."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from acceptance.asking import OK
from acceptance.harness import Customer, Onhook
from acceptance.registrar import PATIENCE_S
from onhook.cli import trunks
from onhook.cli.trunk_health import health_of_all
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from ports import free_port

_CONFIG = """
children=1
tcp_children=1
log_stderror=yes
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("registrar", "min_expires", 20)
modparam("registrar", "max_expires", 20)
request_route {{
    if (is_method("REGISTER")) {{
        if (!pv_auth_check("carrier", "s3cret", "0", "0")) {{
            auth_challenge("carrier", "1");
            exit;
        }}
        save("location");
        exit;
    }}
    if (has_totag()) {{
        loose_route();
        t_relay();
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) {{
            t_relay();
        }}
        exit;
    }}
    record_route();
    if (!lookup("location")) {{
        sl_send_reply("404", "Not registered");
        exit;
    }}
    t_relay();
}}
"""


@asynccontextmanager
async def kamailio(directory: Path) -> AsyncIterator[int]:
    """Its port. It runs in the foreground, and keeps what is registered in its memory."""
    program = shutil.which("kamailio")
    assert program, "Debian's package kamailio"
    port = free_port()
    config = directory / "kamailio.cfg"
    config.write_text(_CONFIG.format(port=port))
    with (directory / "kamailio.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, "-DD", "-E", "-f", str(config), "-Y", str(directory), stderr=log, stdout=log
        )
    try:
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_through_kamailio(
    start: Callable[..., Onhook], receiver: Receiver, tmp_path: Path, transport: str
) -> None:
    """It wants a digest, grants 20 s, and finds us where we registered."""
    async with kamailio(tmp_path) as port, Phone() as phone:
        server = start(trusted_peers="192.0.2.0/24")
        customer = await Customer.make(server, receiver, phone)
        given = trunks.Given(
            "carrier", f"127.0.0.1:{port}", transport=transport, register=True,
            username=customer.number, password="s3cret", from_domain="127.0.0.1",
        )  # fmt: skip
        await trunks.add(server.data, given)
        async with asyncio.timeout(PATIENCE_S):
            while not (await health_of_all(server.data)).get("carrier", {}).get("up"):
                await asyncio.sleep(0.05)
        call = await phone.call(customer.number, server=("127.0.0.1", port))
        told = await receiver.next(to=customer.number, call_state="ringing")
        assert told["trunk"] == "carrier"
        assert await customer.hangup(told["session"]) == OK
        assert (await call.ended()).code == 603
        assert server.stop() == 0
        gone = await phone.call(customer.number, server=("127.0.0.1", port))
        assert (await gone.ended()).code == 404
