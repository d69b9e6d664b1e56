"""What can be wrong with ``notify_url``. Each refusal leaves the call ringing."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from acceptance.asking import OK, assert_each_refused, assert_refused, rows
from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer, Onhook
from notify.certificates import Authority, new_authority
from onhook.cli import accounts
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

HANDSHAKE = "error_unable_to_complete_ssl_handshake_notify_url"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[Onhook]:
    """Trusts an authority of the operator's own."""
    running = Onhook({"ca_file": str(authority.file)})
    yield running
    running.close()


# Syntax ----------------------------------------------------------------------------------------


NO_URLS = (
    "nonsense",
    "/end",
    "//127.0.0.1/end",
    "ftp://127.0.0.1/end",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http:127.0.0.1/end",
    "http://",
    "http:///end",
    "http://exa mple.com/end",
    "http://example.com/\r\nX: y",
    " http://example.com/end",
    "http://example.com\\@127.0.0.1/",
    "http://user@127.0.0.1/end",
    "http://user:hunter2@127.0.0.1/end",
    "http://127.0.0.1:0/end",
    "http://127.0.0.1:65536/end",
    "http://127.0.0.1:80a/end",
    "http://127.0.0.1:-1/end",
    "http://127.0.0.1:+80/end",
    "http://127.0.0.1:80:80/end",
    "http://0x7f000001/end",
    "http://0/end",
    "http://2130706433/end",
    "http://017700000001/end",
    "http://127.1/end",
    "http://127.0.0.1./end",
    "http://256.0.0.1/end",
    "http://[::1/end",
    "http://[::1%25lo]/end",
    "http://[fe80::g]/end",
    "http://::1/end",
    "http://%31%32%37.0.0.1/end",
    "http://-.example.com/end",
    "http://a..example.com/end",
    f"http://{'a' * 64}.example.com/end",
    "http://\N{SNOWMAN WITHOUT SNOW}\N{COMBINING GRAVE ACCENT}.\N{FULL BLOCK}/end",
)


async def test_error_invalid_notify_url(customer: Customer) -> None:
    status = "error_invalid_notify_url"
    details = await assert_each_refused(customer, status, "notify_url", NO_URLS)
    assert not [one for one in details.values() if "hunter2" in one]


@pytest.mark.parametrize("port", ["", ":0080", ":80", ":1", ":65535"])
async def test_a_port_may_be_any_that_exists(customer: Customer, port: str) -> None:
    """Or be left out; whether somebody listens there is not asked of a plain http URL."""
    call, told = await customer.call()
    notify_url = f"http://127.0.0.1{port}/end"
    assert await customer.hangup(told["session"], notify_url=notify_url) == OK
    assert (await call.ended()).how is How.REJECTED


# Names and addresses ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    [
        "no-such-host.invalid",
        "no-such-host.invalid.",
        "b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.invalid",  # a name in another script
        "xn--bcher-kva.invalid",
        "UPPER_CASE.invalid",
    ],
)
async def test_error_unable_to_resolve_notify_url(
    customer: Customer, scheme: str, host: str
) -> None:
    status = "error_unable_to_resolve_notify_url"
    await assert_refused(customer, status, notify_url=f"{scheme}://{host}/end")


FORBIDDEN = (
    "10.0.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fd00::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a00:1]",
    "[2002:7f00:1::]",
)


async def test_an_address_that_may_not_be_called(customer: Customer) -> None:
    """The server may call 127.0.0.0/8 and what is public; the sentence says which rule it was."""
    urls = [f"http://{host}:8080/end" for host in FORBIDDEN]
    status = "error_unable_to_resolve_notify_url"
    details = await assert_each_refused(customer, status, "notify_url", urls)
    assert not [url for url, one in details.items() if "address" not in one]


async def test_an_ipv4_address_in_ipv6_clothes_may_be_called_if_it_may_itself(
    customer: Customer,
) -> None:
    call, told = await customer.call()
    notify_url = customer.receiver.url("/end", host="[::ffff:127.0.0.1]")
    assert await customer.hangup(told["session"], notify_url=notify_url) == OK
    await call.ended()
    assert (await customer.receiver.next(session=told["session"])).path == "/end"


async def test_loopback_is_refused_unless_it_is_allowed(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """The call rings on, since whoever it is told of is merely not there: 127.0.0.2 is allowed."""
    customer = await Customer.make(start(allowed_networks="127.0.0.2/32"), receiver, phone)
    number, nobody = "+6562345678", "http://127.0.0.2:9/"
    await accounts.add_number(customer.server.data, number, customer.app_id, nobody)
    call = await phone.call(number, server=customer.server.sip)
    async with asyncio.timeout(60):
        while not (found := rows(customer.server, "SELECT session FROM calls")):
            await asyncio.sleep(0.01)
    session = found[0][0]
    url = files.serve("beep.wav", BEEP)
    for params, status in (
        ({"notify_url": receiver.url("/end")}, "error_unable_to_resolve_notify_url"),
        ({"notify_url": "https://127.0.0.1/end"}, "error_unable_to_resolve_notify_url"),
        ({"notify_url": "http://localhost/end"}, "error_unable_to_resolve_notify_url"),
        ({"msg": f"<url>{url}</url>"}, "error_msg_download_failed"),
    ):
        reply = await customer.hangup(session, **params)
        assert reply["status"] == status, params
        assert "loopback" in reply["detail"]
    assert not call.is_over()
    assert await customer.hangup(session) == OK
    assert (await call.ended()).how is How.REJECTED
    assert receiver.notifications == []
    assert files.requests == []


# TLS -------------------------------------------------------------------------------------------


async def test_a_certificate_of_the_ca_file_is_accepted(
    customer: Customer, authority: Authority
) -> None:
    """And the notification is delivered over TLS."""
    async with Receiver(ssl_context=authority.server_context("127.0.0.1"), repeats=False) as secure:
        call, told = await customer.call()
        assert await customer.hangup(told["session"], notify_url=secure.url("/end")) == OK
        assert (await call.ended()).how is How.REJECTED
        last = await secure.next(session=told["session"])
    assert (last.path, last["call_state"]) == ("/end", "ended")
    assert customer.receiver.waiting() == []


@pytest.mark.parametrize("fault", ["wrong name", "expired", "self-signed", "unknown authority"])
async def test_a_certificate_that_is_not_accepted(
    customer: Customer, authority: Authority, fault: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if fault == "unknown authority":
        authority = new_authority(tmp_path_factory.mktemp("stranger"))
    context = authority.server_context(
        "example.org" if fault == "wrong name" else "127.0.0.1",
        expired=fault == "expired",
        self_signed=fault == "self-signed",
    )
    async with Receiver(ssl_context=context, repeats=False) as secure:
        detail = await assert_refused(customer, HANDSHAKE, notify_url=secure.url("/end"))
        assert secure.notifications == []
    assert "certificate" in detail


async def test_a_plain_http_server_behind_https(customer: Customer) -> None:
    notify_url = customer.receiver.url("/end").replace("http:", "https:")
    await assert_refused(customer, HANDSHAKE, notify_url=notify_url)


async def test_a_server_of_an_old_tls_only(customer: Customer, authority: Authority) -> None:
    context = authority.server_context("127.0.0.1")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with Receiver(ssl_context=context, repeats=False) as secure:
        await assert_refused(customer, HANDSHAKE, notify_url=secure.url("/end"))


async def test_a_refused_connection(customer: Customer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    await assert_refused(customer, HANDSHAKE, notify_url=f"https://127.0.0.1:{port}/end")


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Accepts connections and never says a word; gives its port, and whether somebody came."""
    came, over = asyncio.Event(), asyncio.Event()

    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        over.set()
        server.close()


async def test_a_server_that_never_speaks(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """The time for it is bounded by the setting ``prepare_s``."""
    customer = await Customer.make(start(prepare_s="1"), receiver, phone)
    async with silent_server() as (port, _):
        detail = await assert_refused(
            customer, HANDSHAKE, notify_url=f"https://127.0.0.1:{port}/end"
        )
    assert "within 1 s" in detail


async def test_a_call_can_be_forced_down_while_a_notify_url_is_being_tried(
    customer: Customer,
) -> None:
    async with silent_server() as (port, came):
        call, told = await customer.call()
        notify_url = f"https://127.0.0.1:{port}/end"
        play = {"session": told["session"], "msg": "Hi.", "notify_url": notify_url}
        playing = asyncio.create_task(customer.post("ivr/middle/play", **play))
        await came.wait()
        assert await customer.hangup(told["session"], force="enabled") == OK
        assert (await playing)["status"] == "error_session_ended"
    assert (await call.ended()).how is How.REJECTED


async def test_notify_url_is_looked_at_before_the_message(
    customer: Customer, files: FileServer
) -> None:
    """Both are tried side by side; of two failures the notify_url's is reported."""
    url = files.serve("missing.wav", b"", 404)
    params = {"msg": f"<url>{url}</url>", "notify_url": "http://no-such-host.invalid/"}
    await assert_refused(customer, "error_unable_to_resolve_notify_url", **params)
    params["notify_url"] = customer.receiver.url("/end").replace("http:", "https:")
    await assert_refused(customer, HANDSHAKE, **params)
