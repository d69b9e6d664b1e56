"""Every path under ``/open/``: JSON with a status and HTTP 200; and who may ask from a browser."""

import asyncio
import json
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from acceptance.asking import HANGUP, Answer, answer_of, ask, credentials, form, sentence
from acceptance.harness import Customer, Onhook
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

SMS = [
    "sms/send",
    "sms/bulk_send",
    "sms/query_status",
    "sms/get_history",
    "sms/get_rate",
    "sms",
    "sms/",
]
OTHERS = [
    "fax/send",
    "fax/query_status",
    "fax/get_history",
    "fax/get_rate",
    "number/get_countries",
    "number/get_choices",
    "number/get_rates",
    "number/subscribe",
    "ivr/start/answer",
    "ivr/middle/nothing",
    "ivr/end/hangup/now",
    "voice",
    "smsx/send",
    "",
    "%00",
    "%ff%fe",
    "%E4%BD%A0",
    "../healthz",
    "x" * 4000,
]  # fmt: skip
UNSERVED = [
    *((path, "error_sms_service_not_available") for path in SMS),
    *((path, "error_service_not_available") for path in OTHERS),
]


def status(answer: Answer) -> str:
    """The status of a reply, which is JSON with HTTP 200."""
    assert answer.http_status == 200
    assert answer.headers["content-type"] == "application/json"
    return str(answer.json["status"])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_not_served_says_so(customer: Customer, method: str) -> None:
    given = form(customer, dest="+6591112222", msg="Hi.")
    query, body = (given, b"") if method == "GET" else ("", given.encode())
    for path, expected in UNSERVED:
        answer = await ask(customer.server, method, query=query, body=body, path=f"/open/{path}")
        assert status(answer) == expected, path
        sentence(answer.json)


async def test_the_name_of_the_api_alone_is_such_a_path(customer: Customer) -> None:
    answer = await ask(customer.server, "GET", query=form(customer), path="/open")
    assert status(answer) == "error_service_not_available"


@pytest.mark.parametrize("path", ["sms/send", "fax/send", "number/subscribe", "unheard/of"])
async def test_who_asks_for_what_is_not_served_is_checked_first(
    customer: Customer, path: str
) -> None:
    """In the order of every request: method, malformed, missing, token, app."""
    where = f"/open/{path}"
    given = credentials(customer)
    app_id, token = given["app_id"], given["access_token"]
    for query, expected in [
        ("app_id=%FF", "error_malformed_params"),
        ("", "error_app_id_param_missing"),
        (f"app_id={app_id}", "error_access_token_param_missing"),
        (f"app_id={app_id}&access_token=x", "error_invalid_access_token"),
        (f"app_id=x&access_token={token}", "error_invalid_app_id"),
    ]:
        answer = await ask(customer.server, "GET", query=query, path=where)
        assert status(answer) == expected
        sentence(answer.json)


@pytest.mark.parametrize("path", ["ivr/end/hangup", "sms/send", "unheard/of"])
async def test_other_methods_are_refused_in_json(customer: Customer, path: str) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
        answer = await ask(customer.server, method, query=form(customer), path=f"/open/{path}")
        assert status(answer) == "error_invalid_http_method", method
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_head_request_has_the_head_of_such_a_reply(customer: Customer) -> None:
    answer = await ask(customer.server, "HEAD", query=form(customer), path="/open/sms/send")
    assert (answer.http_status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "application/json"


SPELLINGS = [
    "{}/",
    "{}//",
    "/{}",
    "//{}",
    "/open//user/get_balance",
    "/open/user//get_balance///",
    "/open/user/get_balance%2F",
    "http://127.0.0.1{}",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_slashes_too_many_are_no_other_path(customer: Customer, method: str) -> None:
    given = form(customer)
    query, body = (given, b"") if method == "GET" else ("", given.encode())
    for spelling in SPELLINGS:
        path = spelling.format("/open/user/get_balance")
        answer = await ask(customer.server, method, query=query, body=body, path=path)
        assert status(answer) == "success_ok", path
        assert answer.json["currency"] == "SGD"


async def test_a_hangup_with_a_slash_at_its_end_hangs_up(customer: Customer) -> None:
    call, told = await customer.call()
    body = form(customer, session=told["session"]).encode()
    assert status(await ask(customer.server, "POST", body=body, path=f"{HANGUP}/")) == "success_ok"
    await call.ended()


BROKEN: dict[str, tuple[bytes, ...]] = {
    "bytes in the path": (b"GET /open/\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",),
    "bytes in the query": (b"GET /open/user/get_info?a=\xff HTTP/1.1\r\nHost: a\r\n\r\n",),
    "a method that is none": (b"ASK /open/user/get_info HTTP/1.1\r\nHost: a\r\n\r\n",),
    "a header without a colon": (b"POST //open/user/get_info HTTP/1.1\r\nHost\r\n\r\n",),
    "a query without an end": (b"GET /open/ivr/middle/play?msg=" + b"x" * 200_000,),
    "two lengths": (b"POST /open/a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",),
    "in two parts": (b"GET /op", b"en/\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "the second": (
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /open/\xff HTTP/1.1\r\n\r\n",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_request_is_malformed(server: Onhook, name: str) -> None:
    """A client that cannot escape what it sends reads that from HTTP 200, as it reads everything."""
    answer = await exchanged(server, *BROKEN[name])
    assert status(answer) == "error_malformed_params"
    assert answer.headers["connection"] == "close"
    sentence(answer.json)


async def test_what_is_no_request_to_the_api_is_refused_as_http_does(customer: Customer) -> None:
    answer = await exchanged(customer.server, b"GET /\xc3\xa9?/open/ HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.http_status == 400


async def exchanged(server: Onhook, *parts: bytes) -> Answer:
    """The last reply on a connection on which these bytes are sent, each once the last was read."""
    where = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    async with asyncio.timeout(60):
        for part in parts[:-1]:
            writer.write(part)
            await writer.drain()
            if part.endswith(b"\r\n\r\n"):
                await reader.readuntil(b'"}')
            else:
                await asyncio.sleep(0.1)
        writer.write(parts[-1])
        reply = await reader.read()
    writer.close()
    return answer_of(reply)


async def test_what_is_beside_the_api_is_as_it_was(customer: Customer) -> None:
    for path, http_status in [("/healthz", 200), ("/opening", 404), ("/", 404), ("/docs", 200)]:
        assert (await ask(customer.server, "GET", path=path)).http_status == http_status


# Browsers --------------------------------------------------------------------------------------

SHOP = "https://shop.example.com"
EXTENSION = "chrome-extension://hgmhmanijnjhaffoampdlllchpolkdnj"
PREFLIGHT = {"Access-Control-Request-Method": "POST"}


@pytest.fixture(scope="module")
def open_server() -> Iterator[Onhook]:
    running = Onhook({"cors_origins": f"{SHOP}, {EXTENSION}"})
    yield running
    running.close()


@pytest.fixture
async def shop(open_server: Onhook, receiver: Receiver, phone: Phone) -> Customer:
    return await Customer.make(open_server, receiver, phone)


@pytest.mark.parametrize("origin", [SHOP, EXTENSION])
@pytest.mark.parametrize("path", ["ivr/end/hangup", "ivr/end/hangup/", "sms/send"])
async def test_a_preflight_of_an_allowed_origin(shop: Customer, origin: str, path: str) -> None:
    """Nobody is asked for credentials, which a browser does not send in it."""
    asked = {"Origin": origin, **PREFLIGHT, "Access-Control-Request-Headers": "idempotency-key"}
    answer = await ask(shop.server, "OPTIONS", path=f"/open/{path}", headers=asked)
    assert status(answer) == "success_ok"
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "Origin"
    methods = answer.headers["access-control-allow-methods"].split(", ")
    assert set(methods) == {"GET", "POST"}
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert set(allowed) >= {"content-type", "idempotency-key"}
    assert int(answer.headers["access-control-max-age"]) > 0


async def test_a_browser_may_read_every_reply_to_an_allowed_origin(shop: Customer) -> None:
    """Errors too, and the headers that are part of the API."""
    origin = {"Origin": SHOP}
    for path, query, expected in [
        ("user/get_balance", form(shop), "success_ok"),
        ("user/get_balance", "", "error_app_id_param_missing"),
        ("sms/send", form(shop), "error_sms_service_not_available"),
    ]:
        answer = await ask(shop.server, "GET", query=query, path=f"/open/{path}", headers=origin)
        assert status(answer) == expected
        assert answer.headers["access-control-allow-origin"] == SHOP
        exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
        assert set(exposed) == {"retry-after", "idempotent-replayed"}


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example.com.evil.example", "http://shop.example.com", "null", "https://other.example"],
)  # fmt: skip
async def test_another_origin_gets_no_permission(shop: Customer, origin: str) -> None:
    asked = {"Origin": origin, **PREFLIGHT}
    answer = await ask(shop.server, "OPTIONS", path=HANGUP, headers=asked)
    assert status(answer) == "error_invalid_http_method"
    plain = await ask(
        shop.server,
        "GET",
        query=form(shop),
        path="/open/user/get_balance",
        headers={"Origin": origin},
    )
    assert status(plain) == "success_ok", "it is the browser that keeps it from reading"
    for one in (answer, plain):
        assert not [name for name in one.headers if name.startswith("access-control")]
        assert one.headers["vary"] == "Origin", "a cache must not give it to an allowed one"


async def test_by_default_no_origin_is_allowed(customer: Customer) -> None:
    asked = {"Origin": SHOP, **PREFLIGHT}
    answer = await ask(customer.server, "OPTIONS", path=HANGUP, headers=asked)
    assert status(answer) == "error_invalid_http_method"
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_every_origin_may_be_allowed(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(cors_origins="*")
    customer = await Customer.make(server, receiver, phone)
    body = json.dumps(credentials(customer)).encode()
    answer = await ask(
        server,
        "POST",
        body=body,
        content_type="application/json",
        path="/open/user/get_balance",
        headers={"Origin": "null"},
    )
    assert status(answer) == "success_ok"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_what_is_beside_the_api_has_no_permission_for_anybody(shop: Customer) -> None:
    answer = await ask(shop.server, "GET", path="/healthz", headers={"Origin": SHOP})
    assert not [name for name in answer.headers if name.startswith("access-control")]
