"""The receiver and the API client against each other, and against bare HTTP."""

import asyncio
from typing import Any

import aiohttp
import pytest

from onhook.testing import ApiClient, ApiReplyError, Notification, Receiver, Reply, Then


async def post(url: str, data: dict[str, str] | bytes | None = None) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.post(url, data=data) as reply:
        return reply.status, await reply.read()


async def test_a_notification_is_kept_as_it_came() -> None:
    async with Receiver() as receiver:
        sent = {"ivr_block": "play", "session": "S1", "tag": ""}
        url = receiver.url("/my%20ivr?mine=a%2Bb&mine=2")
        async with aiohttp.ClientSession() as session:
            before = asyncio.get_running_loop().time()
            headers = {"X-Hoiio-Signature": "abc"}
            async with session.post(url, data=sent, headers=headers) as reply:
                assert (reply.status, await reply.read()) == (200, b"ok")
        told = await receiver.next()
        assert (told.method, told.path) == ("POST", "/my ivr")
        assert told.raw_query == "mine=a%2Bb&mine=2"
        assert told.query == {"mine": "2"}
        assert told.body == b"ivr_block=play&session=S1&tag="
        assert told.form == sent
        assert (told["session"], told.get("tag"), told.get("digits")) == ("S1", "", None)
        assert told.headers["x-hoiio-signature"] == "abc"
        assert before <= told.at_s <= asyncio.get_running_loop().time()
        with pytest.raises(KeyError):
            told["digits"]


async def test_next_picks_by_parameter_and_waits() -> None:
    async with Receiver() as receiver:
        waiting = asyncio.create_task(receiver.next(session="S2"))
        await post(receiver.url(), {"session": "S1", "ivr_block": "play"})
        await post(receiver.url(), {"session": "S2", "ivr_block": "gather"})
        assert (await waiting)["ivr_block"] == "gather"
        assert [told["session"] for told in receiver.waiting()] == ["S1"]
        assert (await receiver.next())["session"] == "S1"
        with pytest.raises(TimeoutError, match="2 arrived"):
            await receiver.next(0.01)
        assert len(receiver.notifications) == 2


async def test_scripted_replies_come_in_order_then_200() -> None:
    async with Receiver() as receiver:
        receiver.reply_with(Reply(503, b"no", {"Retry-After": "7"}), Reply(204, b"", delay_s=0.02))
        async with aiohttp.ClientSession() as session, session.post(receiver.url()) as reply:
            assert (reply.status, reply.headers["Retry-After"]) == (503, "7")
            assert await reply.read() == b"no"
        assert [(await post(receiver.url()))[0] for _ in range(2)] == [204, 200]


async def test_what_was_taken_and_comes_again_is_nothing_new() -> None:
    async with Receiver(repeats=False) as receiver, aiohttp.ClientSession() as session:

        async def deliver(webhook_id: str) -> None:
            headers = {"webhook-id": webhook_id}
            async with session.post(receiver.url(), headers=headers) as reply:
                await reply.read()

        receiver.reply_with(Reply(status=500))
        for webhook_id in ("msg_1", "msg_1", "msg_1", "msg_2"):
            await deliver(webhook_id)
        came = [told.headers["webhook-id"] for told in receiver.waiting()]
        assert came == ["msg_1", "msg_1", "msg_2"], "the first was not taken"
        assert len(receiver.notifications) == 4


async def test_a_dropped_connection() -> None:
    async with Receiver() as receiver:
        receiver.reply_with(Reply(then=Then.DROP))
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await post(receiver.url())
        assert len(receiver.notifications) == 1
        assert (await post(receiver.url()))[0] == 200


async def test_half_a_reply() -> None:
    async with Receiver() as receiver:
        receiver.reply_with(Reply(then=Then.HALF))
        with pytest.raises(aiohttp.ClientPayloadError):
            await post(receiver.url())


async def test_a_hanging_reply_does_not_hold_up_the_end() -> None:
    async with Receiver() as receiver:
        receiver.reply_with(Reply(then=Then.HANG))
        hanging = asyncio.create_task(post(receiver.url()))
        await receiver.next()
        assert not hanging.done()
    with pytest.raises(aiohttp.ClientError):
        await asyncio.wait_for(hanging, 60)


async def test_it_comes_back_on_the_same_port() -> None:
    receiver = Receiver()
    async with receiver:
        url = receiver.url()
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(url)
    async with receiver:
        assert (await post(url))[0] == 200


async def test_an_error_in_the_handler_is_not_overlooked() -> None:
    async def broken(told: Notification) -> None:
        raise LookupError("my application")

    receiver = Receiver(broken)
    with pytest.raises(LookupError, match="my application"):
        async with receiver:
            assert (await post(receiver.url()))[0] == 500


class Api:
    """A stand-in for the API: it notifies, and takes requests."""

    def __init__(self) -> None:
        self.requests: list[Notification] = []

    async def __call__(self, told: Notification) -> Reply:
        self.requests.append(told)
        given = told.query if told.method == "GET" else told.form
        if given.get("app_id") != "A":
            return Reply(200, b'{"status": "error_app_id_param_missing"}')
        return Reply(200, b'{"status": "success_ok", "n": "1"}')


async def test_requests_from_inside_a_notification() -> None:
    api = Api()
    async with Receiver(api) as server, ApiClient(server.url(""), "A", "T") as client:
        replies: list[dict[str, Any]] = []

        async def application(told: Notification) -> None:
            replies.append(await client.post("ivr/end/hangup", session=told["session"], msg="a&b"))

        async with Receiver(application) as receiver:
            assert (await post(receiver.url(), {"session": "S9"}))[0] == 200
        assert replies == [{"status": "success_ok", "n": "1"}]
        (request,) = api.requests
        assert (request.method, request.path) == ("POST", "/open/ivr/end/hangup")
        assert request.form == {"app_id": "A", "access_token": "T", "session": "S9", "msg": "a&b"}


async def test_get_sends_a_query_and_none_is_left_out() -> None:
    api = Api()
    async with Receiver(api) as server, ApiClient(server.url("/"), "A", "T") as client:
        reply = await client.get("/open/user/get_balance", tag="+65 1", force=None)
        assert reply["status"] == "success_ok"
        assert api.requests[0].raw_query == "app_id=A&access_token=T&tag=%2B65+1"
        assert api.requests[0].body == b""
        assert (await client.get("x", app_id=None))["status"] == "error_app_id_param_missing"
        whole = await client.request("PUT", "x", {}, headers={"X-Mine": "1"})
        assert (whole.http_status, whole.status) == (200, "success_ok")
        assert api.requests[-1].headers["x-mine"] == "1"


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"", b"\xff"])
async def test_a_reply_that_is_no_object_is_an_error(body: bytes) -> None:
    async with Receiver() as server, ApiClient(server.url(""), "A", "T") as client:
        server.reply_with(Reply(502, body))
        with pytest.raises(ApiReplyError, match="502"):
            await client.get("x")
