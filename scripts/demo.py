"""One real call, as it happens: server, application and caller are real; so is the audio."""

import asyncio
import json
import os
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import AsyncExitStack
from pathlib import Path

from onhook.testing.phone import Phone
from onhook.testing.tones import speech_like

NUMBER = "+6531234567"
WAV = Path("out/demo.wav")
ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60
SETTINGS = {**os.environ, "ONHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
"""Of the server, and of the commands beside it: the application is on this machine."""

began_s = time.monotonic()


def tell(who: str, what: str) -> None:
    """One line of the story."""
    print(f"{time.monotonic() - began_s:6.2f} s  {who:<12} {what}", flush=True)


async def main() -> None:
    """Tell the story from the empty data directory to the bill."""
    async with AsyncExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="onhook-demo-"))
        tell("onhook", "serve, with an empty data directory")
        server, http, sip = await start_server(stack, data)
        tell("onhook", f"ready: API on {http}, SIP on {sip[0]}:{sip[1]}")
        app = await create_application(data)
        tell("onhook", f"app create: app_id {app['app_id']}")
        url = f"http://127.0.0.1:{free_port()}/"
        await onhook(
            "number", "add", NUMBER, "--app", app["app_id"], "--forward-to", url, data=data
        )
        tell("onhook", f"number add: {NUMBER}")
        telling = await start_application(stack, app, http, url)
        await call(stack, sip)
        await telling
        server.terminate()
        await server.wait()
        tell("onhook", f"stopped with exit code {server.returncode}")


async def call(stack: AsyncExitStack, sip: tuple[str, int]) -> None:
    """The caller's side: ring, answer, message, BYE."""
    phone = await stack.enter_async_context(Phone())
    tell("caller", f"calls {NUMBER}")
    call = await phone.call(NUMBER, server=sip)
    await call.ringing()
    tell("caller", "hears it ring")
    await call.answered()
    tell("caller", "is answered")
    ended = await call.ended(timeout_s=PATIENCE_S)
    heard = call.recording
    WAV.parent.mkdir(exist_ok=True)
    heard.save_wav(WAV)
    tell(
        "caller",
        f"heard {heard.heard_s:.2f} s of sound ({len(heard.audio)} packets, {heard.lost} lost), "
        f"{speech_like(heard.pcm()).voiced_s:.1f} s of it voiced: {WAV}",
    )
    tell(
        "caller",
        f"{ended.how.value}, {call.last_packet_to_bye_s * 1000:.0f} ms after the last sound",
    )


async def start_server(stack: AsyncExitStack, data: str) -> tuple[Process, str, tuple[str, int]]:
    """``onhook serve`` on free ports of loopback."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "onhook", "serve", "--data", data),
        *("--http", "127.0.0.1:0", "--sip", "127.0.0.1:0"),
        env=SETTINGS,
        stdout=PIPE,
        stderr=DEVNULL,
    )
    stack.push_async_callback(kill, server)
    line = (await read_line(server)).split()
    where = dict(part.split("=") for part in line if "=" in part)
    host, _, port = where["sip"].rpartition(":")
    return server, where["http"], (host, int(port))


async def create_application(data: str) -> dict[str, str]:
    """``onhook app create``."""
    made: dict[str, str] = json.loads(await onhook("app", "create", "demo", "--json", data=data))
    return made


async def start_application(
    stack: AsyncExitStack, app: dict[str, str], http: str, url: str
) -> "asyncio.Task[None]":
    """The sample application, and a task that tells what it prints until it printed the bill."""
    environment = {
        **os.environ,
        "ONHOOK_API": f"http://{http}",
        "MY_URL": url,
        "APP_ID": app["app_id"],
        "ACCESS_TOKEN": app["access_token"],
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "examples/first_app.py"), env=environment, stdout=PIPE
    )
    stack.push_async_callback(kill, process)
    await listening(url)
    return asyncio.create_task(tell_lines(process))


async def tell_lines(process: Process) -> None:
    """Passes the application's lines on; the one with the bill is the last."""
    while line := await read_line(process):
        tell("application", line)
        if "minute" in line:
            return


async def read_line(process: Process) -> str:
    """A line of a process's standard output; empty when there is no more."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
    return line.decode().strip()


async def onhook(*arguments: str, data: str) -> str:
    """Runs an ``onhook`` command to its end; its output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "onhook", *arguments, "--data", data, env=SETTINGS, stdout=PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        sys.exit(f"onhook {arguments[0]} failed")
    return output.decode()


async def listening(url: str) -> None:
    """Waits until somebody accepts connections there."""
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


async def kill(process: Process) -> None:
    """Ends a process that may have ended already."""
    if process.returncode is None:
        process.kill()
        await process.wait()


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
