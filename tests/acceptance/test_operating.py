"""What an operator does: start, configure, look, stop."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import aiohttp
import pytest
from typer.testing import CliRunner, Result

from acceptance.asking import rows
from acceptance.harness import READY_S, Customer, Onhook
from onhook import __version__
from onhook.cli.main import app
from onhook.cli.opening import opened_store
from onhook.server.settings import Settings
from onhook.store.reports import call_report
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver, Reply

LONG = "This message takes a few seconds, and is heard to its very last word. Good bye."


def onhook(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "onhook", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=READY_S,
        check=False,
    )


def refused(*arguments: str, **environment: str) -> Result:
    """What a command says that stops at its settings, in this process: a new one takes a second to start."""
    with patch("onhook.cli.serving.serve", side_effect=AssertionError("a server would start")):
        return CliRunner().invoke(app, arguments, env=environment)


def settings_of_serve(*arguments: str, **environment: str) -> Settings:
    """What ``onhook serve`` would start a server with."""
    with patch("onhook.cli.serving.serve", side_effect=SystemExit) as serve:
        CliRunner().invoke(app, ["serve", *arguments], env=environment)
    settings, _ = serve.call_args.args
    assert isinstance(settings, Settings)
    return settings


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(url) as reply:
        return reply.status, await reply.text()


async def test_healthz_answers_once_everything_is_ready(start: Callable[..., Onhook]) -> None:
    server = start()
    assert await get(server.url + "/healthz") == (200, '{"status":"ready"}')


async def test_applications_and_numbers_are_made_while_the_server_runs(
    server: Onhook, receiver: Receiver, phone: Phone
) -> None:
    data = ["--data", str(server.data), "--json"]
    made = await asyncio.to_thread(onhook, "app", "create", "shop", *data)
    app = json.loads(made.stdout)
    assert set(app) >= {"app_id", "access_token"}
    number = "+6562220001"
    where = ["--app", app["app_id"], "--forward-to", receiver.url("/answer")]
    added = await asyncio.to_thread(onhook, "number", "add", number, *where, *data)
    assert json.loads(added.stdout)["number"] == number
    await phone.call(number, server=server.sip)
    assert (await receiver.next(to=number))["call_state"] == "ringing"


async def test_the_token_is_nowhere_in_the_clear(customer: Customer) -> None:
    call, told = await customer.call()
    await customer.hangup(told["session"], msg="Secret words.")
    await call.ended()
    for path, content in contents(customer.server.data):
        assert customer.access_token.encode() not in content, path
        assert customer.webhook_secret.encode() not in content, path
    log = customer.server.log
    for private in (customer.access_token, "Secret", customer.number, "+6598765432"):
        assert private not in log


def contents(directory: Path) -> Iterator[tuple[Path, bytes]]:
    """What is in its files, but for those that a running server has just put away."""
    for path in directory.rglob("*"):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        yield path, content


ANY_PORT = ["--http", "127.0.0.1:0", "--sip", "127.0.0.1:0"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serve", "--http", "127.0.0.1:99999"], "--http"),
        (["serve", "--sip", "::1:0"], "an IPv6 address stands in brackets"),
        (["serve", "--sip", "localhost:0"], "expected an address in digits"),
        (["serve", "--sip", "udp:127.0.0.1:5060,127.0.0.1:5060"], "given twice"),
        (["serve", "--rtp-ports", "9-1"], "--rtp-ports"),
        (["serve", "--rtp-ports", "20001-20002"], "an even port and the one above it"),
        (["serve", "--allowed-networks", "10.0.0.0/33"], "--allowed-networks"),
        (["serve", "--allowed-networks", "10.0.0.0/8,10.0.0.0/33"], "'10.0.0.0/33'"),
        (["serve", "--trusted-peers", "10.0.0.1/8"], "'10.0.0.1/8'"),
        (["serve", "--trusted-peers", "sip.example.com"], "10.0.0.0/8"),
        (["serve", "--max-calls", "many"], "'many'"),
        (["serve", "--country", "XX"], "--country"),
        (["serve", "--public-url", "voice.example.com"], "--public-url"),
        (["serve", "--public-url", "https://voice.example.com/?a=b"], "--public-url"),
        (["serve", "--recordings-kept-s", "0"], "--recordings-kept-s"),
        (["serve", "--config", "/nonexistent.toml"], "/nonexistent.toml"),
        (["app", "create", "x", "--data", "/dev/null"], "/dev/null"),
        (["number", "add", "12", "--app", "a", "--forward-to", "http://x/"], "12"),
        (["number", "add", "+6562220002", "--app", "a", "--forward-to", "ftp://x/"], "forward-to"),
    ],
)
def test_a_bad_setting_is_one_clear_sentence(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    ended = refused(*arguments, ONHOOK_DATA=str(tmp_path))
    assert ended.exit_code != 0
    assert_one_sentence(ended.stderr, sentence)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serve", "--http", "nonsense"], "--http"),
        (["serve", "--sip", "tls:127.0.0.1:0"], "give --sip-cert"),
        (["serve", "--sip-key", "/nowhere.pem"], "give --sip-cert as well"),
        (["serve", "--sip-cert", "/nowhere.pem"], "/nowhere.pem cannot be read"),
        (["serve", "--data", "/proc/nowhere"], "/proc/nowhere"),
        (["serve", "--data", "/dev/null"], "/dev/null"),
        (["serve", "--voices-dir", "/nonexistent", *ANY_PORT], "--voices-dir"),
    ],
)
def test_what_stops_a_server_is_one_clear_sentence(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    ended = onhook(*arguments, ONHOOK_DATA=str(tmp_path))
    assert ended.returncode != 0
    assert_one_sentence(ended.stderr, sentence)


def assert_one_sentence(told: str, sentence: str) -> None:
    assert told.startswith("onhook: ")
    assert sentence in told
    assert len(told.strip().splitlines()) == 1
    assert "Traceback" not in told


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        option = "--http" if kind is socket.SOCK_STREAM else "--sip"
        other = "--sip" if kind is socket.SOCK_STREAM else "--http"
        where = [option, f"127.0.0.1:{port}", other, "127.0.0.1:0"]
        ended = onhook("serve", *where, "--data", str(tmp_path))
    assert ended.returncode != 0
    sentences = [line for line in ended.stderr.splitlines() if line.startswith("onhook: ")]
    assert len(sentences) == 1
    assert f"127.0.0.1:{port}" in sentences[0]
    assert option in sentences[0]
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ("max_cals = 3", ["max_cals", "did you mean max_calls?"]),
        ("Max-Calls = 3", ["Max-Calls", "did you mean max_calls?"]),
        ("ONHOOK_HTTP = '127.0.0.1:0'", ["ONHOOK_HTTP", "did you mean http?"]),
        ("[server]\nhttp = '127.0.0.1:0'", ["server", "onhook serve --help"]),
        ("config = 'other.toml'", ["config"]),
        ("http = \n", ["not TOML", "line 1"]),
        ("http = '127.0.0.1'", ["http of the file", "HOST:PORT", "'127.0.0.1'"]),
        ("max_calls = 'many'", ["max_calls of the file", "'many'"]),
        ("trusted_peers = ['10.0.0.0/8', '10.1.0.1/8']", ["'10.1.0.1/8'", "10.0.0.0/8"]),
        ("country = 'Utopia'", ["country of the file", "'Utopia'", "SG"]),
    ],
)
def test_a_mistake_in_a_settings_file_is_named_as_it_stands_there(
    tmp_path: Path, file: str, parts: list[str]
) -> None:
    config = tmp_path / "onhook.toml"
    config.write_text(file)
    data = tmp_path / "data"
    ended = refused("serve", "--config", str(config), "--data", str(data))
    assert ended.exit_code == 1
    assert ended.stderr.startswith("onhook: ")
    assert len(ended.stderr.splitlines()) == 1
    for part in (str(config), *parts):
        assert part in ended.stderr
    assert not data.exists()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_settings_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None
) -> None:
    config = tmp_path / "onhook.toml"
    if content is None:
        config.mkdir()
    else:
        config.write_bytes(content)
    ended = refused("calls", "list", ONHOOK_CONFIG=str(config), ONHOOK_DATA=str(tmp_path))
    assert ended.stderr.startswith(f"onhook: The settings file {config} ")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("ONHOOK_TRUSTED_PEER", "10.0.0.0/8", "ONHOOK_TRUSTED_PEERS"),
        ("onhook_htp", "x", "ONHOOK_HTTP"),
        ("ONHOOK_TRUNK_PASSWD", "x", "ONHOOK_TRUNK_PASSWORD"),
    ],
)
def test_a_variable_that_is_misspelt_is_an_error(
    tmp_path: Path, name: str, value: str, meant: str
) -> None:
    for command in (["serve"], ["calls", "list"]):
        ended = refused(*command, "--data", str(tmp_path), **{name: value})
        assert ended.exit_code == 1
        assert ended.stderr == f"onhook: The variable {name} is not known; did you mean {meant}?\n"


def test_what_a_container_platform_injects_is_warned_of(tmp_path: Path) -> None:
    injected = {
        "ONHOOK_SERVICE_HOST": "10.0.0.1",
        "ONHOOK_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "ONHOOK_RTP_PORT": "udp://10.0.0.1:20000",
    }
    server = Onhook(injected_settings(injected), tmp_path / "data")
    try:
        events = [json.loads(line) for line in server.log.splitlines()]
    finally:
        server.close()
    warned = {event["variable"] for event in events if event["event"] == "variable_unknown"}
    assert warned == set(injected)


def injected_settings(variables: dict[str, str]) -> dict[str, str]:
    """Variables as the settings of a server that is started with them."""
    return {name.removeprefix("ONHOOK_").lower(): value for name, value in variables.items()}


@pytest.mark.parametrize(
    "command",
    [
        ["app", "create", "x"],
        ["app", "list"],
        ["app", "remove", "x"],
        ["number", "add", "+6562220003", "--app", "a", "--forward-to", "http://x.example/"],
        ["number", "list"],
        ["number", "remove", "+6562220003"],
        ["account", "list"],
        ["account", "create", "x"],
        ["rate", "list"],
        ["trunk", "list"],
        ["trunk", "add", "x", "--proxy", "sip.example"],
        ["calls", "list"],
        ["notifications", "list"],
        ["prompt", "warm", "/dev/null"],
    ],
)
@pytest.mark.parametrize("empty", [True, False])
def test_only_serve_makes_a_data_directory(tmp_path: Path, command: list[str], empty: bool) -> None:
    data = tmp_path / "data"
    if empty:
        data.mkdir()
    ended = CliRunner().invoke(app, [*command, "--data", str(data)])
    assert ended.exit_code == 1
    for part in (str(data), "--data", "onhook serve"):
        assert part in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not data.exists() or not list(data.iterdir())


def test_the_help_of_serve_shows_defaults() -> None:
    shown = " ".join(CliRunner().invoke(app, ["serve", "--help"]).stdout.split())
    networks = "127.0.0.0/8,::1/128"
    for default in ("127.0.0.1:8080", "20000-29999", "onhook-data", networks, "0.020", "yes"):
        assert f"[default: {default}]" in shown
    assert "**" not in shown


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"onhook {__version__}\n"


def test_the_shell_completes_commands() -> None:
    command = {"_ONHOOK_COMPLETE": "complete_bash", "COMP_WORDS": "onhook num", "COMP_CWORD": "1"}
    assert CliRunner().invoke(app, [], env=command, prog_name="onhook").stdout.split() == ["number"]


def test_settings_come_from_a_file_then_the_environment_then_options(tmp_path: Path) -> None:
    config = tmp_path / "onhook.toml"
    config.write_text(f'http = "127.0.0.1:1"\ndata = "{tmp_path}"\nsettle_ms = 7\n')
    from_file = settings_of_serve("--config", str(config))
    assert (from_file.http, from_file.data) == (("127.0.0.1", 1), tmp_path)
    environment = {"ONHOOK_CONFIG": str(config), "ONHOOK_HTTP": "127.0.0.1:2"}
    from_environment = settings_of_serve(**environment)
    assert (from_environment.http, from_environment.settle_ms) == (("127.0.0.1", 2), 7)
    by_option = settings_of_serve("--http", "127.0.0.1:3", **environment)
    assert (by_option.http, by_option.settle_ms) == (("127.0.0.1", 3), 7)


async def test_an_unacted_call_stops_ringing(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(start(ringing_s="0.5"), receiver, phone)
    call, told = await customer.call()
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, 480)
    last = await receiver.next(session=told["session"])
    assert (last["ivr_block"], last["cause"], last["debit"]) == ("answer", "ring_timeout", "0.000")


async def test_sigterm_lets_a_running_message_finish(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    await customer.hangup(told["session"], msg=LONG * 2, notify_url=receiver.url("/end"))
    await call.answered()
    server.process.send_signal(signal.SIGTERM)
    while (await get(server.url + "/healthz"))[0] != 503:
        await asyncio.sleep(0.01)
    late = await (await phone.call(customer.number, server=server.sip)).ended()
    assert (late.how, late.code) == (How.REJECTED, 503)
    assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
    assert call.recording.heard_s > 6
    last = await receiver.next(session=told["session"])
    assert (last["call_state"], last["cause"]) == ("ended", "hangup")
    assert await server.stopped() == 0


async def test_a_second_sigterm_hangs_up_at_once(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    await customer.hangup(told["session"], msg=LONG * 5, notify_url=receiver.url("/end"))
    await call.answered()
    ringing, told_ringing = await customer.call()
    server.process.send_signal(signal.SIGTERM)
    while (await get(server.url + "/healthz"))[0] != 503:
        await asyncio.sleep(0.01)
    server.process.send_signal(signal.SIGTERM)
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert (await ringing.ended()).code == 503
    for session in (told["session"], told_ringing["session"]):
        last = await receiver.next(session=session)
        assert (last["ended_by"], last["cause"]) == ("system", "shutdown")
    assert await server.stopped() == 0


async def test_a_notification_is_tried_again(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(retry_schedule="0.1")
    customer = await Customer.make(server, receiver, phone)
    receiver.reply_with(Reply(status=500), Reply(status=302, headers={"Location": "/other"}))
    call, told = await customer.call()
    again = [await receiver.next(session=told["session"]) for _ in range(2)]
    assert {n.body for n in again} == {told.body}
    assert {n.headers["webhook-id"] for n in again} == {told.headers["webhook-id"]}
    await customer.hangup(told["session"], notify_url=receiver.url("/end"))
    await call.ended()
    assert (await receiver.next(session=told["session"]))["call_state"] == "ended"
    await tried(server, told["session"], 3)
    async with opened_store(server.data, server.settings.get("database_url", "")) as store:
        report = await call_report(store, told["session"])
    assert report is not None
    assert [each.status for each in report.notifications[0].attempts] == [500, 302, 200]


async def test_what_was_not_delivered_goes_out_after_the_next_start(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(retry_schedule="0.2")
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    await receiver.close()
    await call.cancel()
    assert await asyncio.to_thread(server.stop) == 0
    async with receiver:
        next_server = Onhook(server.settings, data=server.data)
        try:
            last = await receiver.next(session=told["session"])
        finally:
            next_server.close()
    assert (last["call_state"], last["cause"]) == ("ended", "cancelled")
    assert last.headers["x-onhook-event"] == "2"


@pytest.mark.slow
async def test_what_is_pending_is_tried_at_a_start_and_at_an_end_beside_its_schedule(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(retry_schedule="600")
    customer = await Customer.make(server, receiver, phone)
    receiver.reply_with(*[Reply(status=500)] * 3)
    call, told = await customer.call()
    await tried(server, told["session"], 1)
    [(first_ms, next_ms)] = rows(server, "SELECT first_attempt_ms, next_ms FROM notifications")
    assert next_ms - first_ms >= 600_000
    await call.cancel()
    assert await asyncio.to_thread(server.stop) == 0
    await receiver.next(session=told["session"])
    next_server = Onhook(server.settings, data=server.data)
    try:
        await receiver.next(session=told["session"])
        await tried(next_server, told["session"], 3)
        query = "SELECT attempts, scheduled, next_ms FROM notifications WHERE sequence = 1"
        assert rows(server, query) == [(3, 1, next_ms)]
    finally:
        next_server.close()


async def tried(server: Onhook, session: str, attempts: int) -> None:
    """So many attempts to deliver the first notification of a session are on disk."""
    query = "SELECT attempts FROM notifications WHERE session = ? AND sequence = 1"
    async with asyncio.timeout(60):
        while rows(server, query, session) != [(attempts,)]:
            await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_what_was_being_recorded_at_a_crash_can_be_heard_after_the_next_start(
    start: Callable[..., Onhook],
) -> None:
    server = start(recordings_kept_s="3600")
    server.process.kill()
    server.process.wait()
    name = "A" * 32
    (server.data / "recordings" / f"{name}.pcm").write_bytes(bytes(2 * 8000))
    next_server = Onhook(server.settings, data=server.data)
    try:
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{next_server.url}/recordings/{name}.mp3") as reply:
                assert (reply.status, reply.content_type) == (200, "audio/mpeg")
                mp3 = await reply.read()
            async with http.get(f"{next_server.url}/recordings/{'B' * 32}.mp3") as reply:
                assert reply.status == 404
    finally:
        next_server.close()
    assert (server.data / "recordings" / f"{name}.mp3").read_bytes() == mp3
    assert name not in next_server.log
