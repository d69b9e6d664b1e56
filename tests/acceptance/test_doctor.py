"""``onhook doctor`` beside a server that runs, and where none does."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from acceptance.harness import Onhook
from onhook.cli import trunks
from ports import free_port, free_ports

Start = Callable[..., Onhook]


async def doctor(
    server: Onhook, *more: str, knows_settings: bool = True
) -> tuple[int | None, dict[str, dict[str, Any]]]:
    """Its exit status, and what it found by name."""
    settings = {f"ONHOOK_{name.upper()}": value for name, value in server.settings.items()}
    settings = settings if knows_settings else {}
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "onhook", "doctor", "--data", str(server.data), "--json", *more,
        env={**os.environ, **settings}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await run.communicate()
    found = json.loads(out)["checks"]
    assert all(set(one) == {"name", "ok", "detail"} for one in found)
    return run.returncode, {one["name"]: one for one in found}


async def add_trunk(server: Onhook, name: str, port: int) -> None:
    await trunks.add(server.data, trunks.Given(name, proxy=f"127.0.0.1:{port}"))


async def test_a_server_that_runs_is_looked_at_as_it_was_started(start: Start) -> None:
    """Whoever asks the doctor need not know with which options; others are no cause of anything."""
    first = free_ports(10).start
    server = start(sip="127.0.0.1:0", http="127.0.0.1:0", rtp_ports=f"{first}-{first + 19}")
    elsewhere = ("--sip", f"127.0.0.1:{free_port()}", "--http", f"127.0.0.1:{free_port()}")
    for given in ((), elsewhere):
        _, found = await doctor(server, *given, knows_settings=False)
        assert "what it was started with" in found["data"]["detail"]
        held = [one for one in found.values() if one["name"].startswith(("port udp", "port tcp"))]
        assert [one["detail"] for one in held] == ["held by the server"] * 2
        sip, http = ":".join(map(str, server.sip)), server.url.removeprefix("http://")
        assert {f"port udp {sip}", f"port tcp {sip}"} <= set(found)
        assert found[f"port http {http}"]["detail"] == "the server answers, and is well"
        assert found[f"port audio 127.0.0.1:{first}-{first + 19}"]["ok"]
        assert found[f"server at {sip}"]["ok"]


@pytest.mark.slow
async def test_beside_a_server_and_without_it(start: Start) -> None:
    first, sip, http = free_ports(10).start, free_port(), free_port()
    server = start(
        sip=f"127.0.0.1:{sip}", http=f"127.0.0.1:{http}", rtp_ports=f"{first}-{first + 19}"
    )
    await add_trunk(server, "mirror", sip)
    await add_trunk(server, "gone", free_port())

    status, found = await doctor(server, "--trunk", "mirror")
    expected = {
        f"port udp 127.0.0.1:{sip}": "held by the server",
        f"port tcp 127.0.0.1:{sip}": "held by the server",
        f"port http 127.0.0.1:{http}": "the server answers, and is well",
        f"server at 127.0.0.1:{sip}": "it answers 200 by UDP",
        "call to itself IPv4": "audio arrives both ways through 127.0.0.1",
        "trunk mirror": "200",
        "data": "a server runs on it",
        "voices": "languages",
    }
    for name, detail in expected.items():
        assert found[name]["ok"], found[name]
        assert detail in found[name]["detail"]
    assert "trunk gone" not in found
    assert status == (0 if all(one["ok"] for one in found.values()) else 1)

    status, found = await doctor(server)
    assert status == 1
    assert not found["trunk gone"]["ok"]

    server.stop()
    status, found = await doctor(server, "--trunk", "mirror")
    assert found[f"port udp 127.0.0.1:{sip}"]["detail"] == "free"
    assert found["call to itself IPv4"]["ok"]
    assert "no server runs on it" in found["data"]["detail"]
    assert status == 1  # its own trunk is gone with it
    assert not found["trunk mirror"]["ok"]
