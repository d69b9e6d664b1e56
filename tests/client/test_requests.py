"""Requests of both clients, to the API of a simulator."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import pytest

from onhook.client import AsyncClient, Client, NoReply, RateLimited, Refused, SessionEnded
from onhook.client.transport import Broken, Reply
from onhook.simulator import Phone, Simulator

NUMBER, OFFICE = "+6531234567", "+6561112222"
Ask: TypeAlias = Callable[..., Any]
"""Makes the request of this name, by either client, and returns its reply."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as one:
        one.serve(_nobody)
        yield one


@pytest.fixture
def phone(simulator: Simulator) -> Phone:
    simulator.begin_anew()
    return Phone(simulator)


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, simulator: Simulator) -> Ask:
    """Makes a request by its name."""
    access = (simulator.url, simulator.app_id, simulator.access_token)

    def with_sync(name: str, *arguments: object, **params: object) -> Any:
        with Client(*access) as client:
            return getattr(client, name)(*arguments, **params)

    async def with_async(name: str, *arguments: object, **params: object) -> Any:
        async with AsyncClient(*access) as client:
            return await getattr(client, name)(*arguments, **params)

    if request.param == "sync":
        return with_sync
    return lambda *arguments, **params: asyncio.run(with_async(*arguments, **params))


async def _nobody(scope: Any, receive: Any, send: Any) -> None:
    """An application that does nothing about its calls."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def test_a_call_is_steered(simulator: Simulator, phone: Phone, ask: Ask) -> None:
    call = phone.call(NUMBER)
    call.rings()
    session = call.notifications[0]["session"]
    assert ask("play", session, "Welcome.", notify_url=simulator.ivr_url) is None
    call.hears("Welcome.")
    ask("hangup", session, msg="Good bye.")
    call.is_hung_up_after("Good bye.")


def test_a_call_is_placed_and_looked_at(simulator: Simulator, phone: Phone, ask: Ask) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    placed = ask("dial", OFFICE, msg="Hello.", ring_time=30, tag="first")
    office = phone.answers(OFFICE)
    office.is_hung_up_after("Hello.")
    assert placed.session
    found = ask("voice_query_status", placed.txn_ref)
    assert (found.call_status_dest1, found.duration, found.debit) == ("answered", 1, office.cost)
    assert found.date.utcoffset() == timedelta(hours=8)
    page = ask("voice_get_history", from_=before, page=1)
    assert placed.txn_ref in [entry.txn_ref for entry in page.entries]
    assert ask("voice_get_history", to=before - timedelta(days=1)).entries == ()


def test_the_account_is_told_in_types(ask: Ask) -> None:
    account = ask("user_get_balance")
    assert account.balance == account.points + account.bonus
    assert isinstance(account.balance, Decimal)
    assert isinstance(ask("user_get_info").caller_ids, tuple)
    assert ask("voice_get_rate", NUMBER, OFFICE).talktime == 240


def test_a_room_is_filled_with_several_numbers(phone: Phone, ask: Ask) -> None:
    reply = ask("conference_call", [OFFICE, "+6561113333"], room="R7")
    one, other = phone.answers(OFFICE), phone.answers("+6561113333")
    one.says("Is anybody there?")
    other.hears("Is anybody there?")
    assert (reply.room, len(reply.txn_refs)) == ("R7", 2)
    ask("conference_moderate", reply.txn_refs[0], "kick")
    one.is_hung_up()


def test_headers_of_ones_own_are_sent(simulator: Simulator, phone: Phone, ask: Ask) -> None:
    with pytest.raises(Refused) as refused:
        ask("dial", OFFICE, sip_headers={"Via": "us"})
    assert refused.value.status == "error_invalid_sip_header"
    assert ask("dial", OFFICE, sip_headers={"X-Shop": "7"}).session


def test_a_refusal_says_what_to_do(ask: Ask) -> None:
    with pytest.raises(Refused, match=r"ivr/middle/play: error_invalid_session: No call has") as no:
        ask("play", "nobody", "Hello.")
    assert no.value.detail.startswith("No call has this session")


def test_a_call_that_is_over(phone: Phone, ask: Ask) -> None:
    call = phone.call(NUMBER)
    call.rings()
    call.hang_up()
    with pytest.raises(SessionEnded):
        ask("play", call.session, "Hello.")


def test_who_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APP_ID", raising=False)
    with pytest.raises(
        ValueError, match="app_id is not given, and APP_ID is not in the environment"
    ):
        Client("http://127.0.0.1:1", access_token="t")


# What goes wrong on the way -------------------------------------------------------------------


class Scripted:
    """A transport that does what it is told, one thing after the other."""

    def __init__(self, *does: Reply | Broken) -> None:
        self._does = list(does)
        self.keys: list[str] = []

    def post(self, url: str, headers: Any, form: Any, timeout_s: float) -> Reply:
        self.keys.append(headers["Idempotency-Key"])
        done = self._does.pop(0)
        if isinstance(done, Broken):
            raise done
        return done

    def close(self) -> None:
        pass


class ScriptedAsync:
    """The same for asyncio."""

    def __init__(self, scripted: Scripted) -> None:
        self._scripted = scripted

    async def post(self, url: str, headers: Any, form: Any, timeout_s: float) -> Reply:
        return self._scripted.post(url, headers, form, timeout_s)

    async def close(self) -> None:
        pass


def plays_sync(scripted: Scripted) -> None:
    Client("http://api", "me", "secret", transport=scripted).play("s", "Hello.")


def plays_async(scripted: Scripted) -> None:
    async def play() -> None:
        async with AsyncClient(
            "http://api", "me", "secret", transport=ScriptedAsync(scripted)
        ) as client:
            await client.play("s", "Hello.")

    asyncio.run(play())


both = pytest.mark.parametrize("plays", [plays_sync, plays_async])
OK = Reply(200, {}, b'{"status":"success_ok"}')


@both
def test_a_request_without_a_reply_is_made_again_under_its_key(plays: Callable[..., None]) -> None:
    scripted = Scripted(Broken("reset"), Reply(503, {}, b"proxy"), OK)
    plays(scripted)
    assert len(scripted.keys) == 3
    assert len(set(scripted.keys)) == 1


@both
def test_it_is_given_up_after_three_times(plays: Callable[..., None]) -> None:
    with pytest.raises(NoReply, match="ivr/middle/play: the last"):
        plays(Scripted(Broken("reset"), Broken("reset"), Broken("the last")))


@both
def test_what_is_not_this_api(plays: Callable[..., None]) -> None:
    with pytest.raises(NoReply, match="HTTP 404, and no reply of this API"):
        plays(Scripted(Reply(404, {}, b"<html>")))


@both
def test_too_many_requests_say_how_long_to_wait(plays: Callable[..., None]) -> None:
    body = b'{"status":"error_rate_limit_exceeded","detail":"wait"}'
    with pytest.raises(RateLimited) as limited:
        plays(Scripted(Reply(200, {"retry-after": "7"}, body)))
    assert limited.value.retry_after_s == 7


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with pytest.raises(NoReply), Client(url, "me", "secret") as client:
        client.play("s", "Hello.")
    async with AsyncClient(url, "me", "secret") as other:
        with pytest.raises(NoReply):
            await other.play("s", "Hello.")


def test_a_secret_is_not_shown() -> None:
    assert "secret" not in repr(Client("http://api", "me", "secret").access)
