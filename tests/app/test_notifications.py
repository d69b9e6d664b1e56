"""Notifications that are not what they should be, and the end of a process; the API is a double."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from onhook.app import App, Call, NotAnswered
from onhook.client.transport import Reply
from onhook.notify.signatures import hoiio_signature, webhook_headers

TOKEN, SECRET = "token", "whsec_c2VjcmV0"
ACCEPTED: Mapping[str, str] = {"status": "success_ok"}


class Api:
    """What is asked for, and what it is answered."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.answers: dict[str, list[Mapping[str, str]]] = {}
        self.before: Callable[[str], Awaitable[None]] | None = None
        """Happens before the answer to a request."""

    async def post(
        self, url: str, headers: Mapping[str, str], form: Mapping[str, str], timeout_s: float
    ) -> Reply:
        path = url.rpartition("/")[2]
        self.asked.append((path, form))
        if self.before is not None:
            await self.before(path)
        answers = self.answers.get(path, [])
        return Reply(200, {}, json.dumps(answers.pop(0) if answers else ACCEPTED).encode())

    async def close(self) -> None:
        pass

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@pytest.fixture
def api() -> Api:
    return Api()


def made(api: Api, *secrets: str) -> App:
    return App(
        api="http://api",
        app_id="me",
        access_token=TOKEN,
        url="http://me/",
        webhook_secrets=secrets,
        transport=api,
    )


@pytest.fixture
def app(api: Api) -> App:
    return made(api)


def body(block: str, state: str, **fields: str) -> bytes:
    told = {
        "ivr_block": block, "session": "s", "txn_ref": "t", "tag": "", "from": "+6598765432",
        "to": "+6531234567", "call_state": state, **fields,
    }  # fmt: skip
    return urlencode(told).encode()


async def told(app: App, number: int, block: str, state: str, **fields: str) -> int:
    content = body(block, state, **fields)
    headers = {
        "X-Hoiio-Signature": hoiio_signature(content, TOKEN),
        "webhook-id": f"id-{number}",
        "X-Onhook-Event": str(number),
    }
    return await app.take(headers, content)


async def test_what_the_server_did_not_sign_starts_nothing(api: Api, app: App) -> None:
    @app.incoming
    async def never(call: Call) -> None:
        await call.play("Hello.")

    content = body("answer", "ringing")
    assert await app.take({}, content) == 403
    assert (
        await app.take({"x-hoiio-signature": hoiio_signature(content, "another")}, content) == 403
    )
    assert api.asked == []


async def test_with_a_webhook_secret_it_is_that_which_counts(api: Api) -> None:
    app = made(api, SECRET)

    @app.incoming
    async def closed(call: Call) -> None:
        pass

    content = body("answer", "ringing")
    old = webhook_headers("id-1", 1_000_000_000, content, [SECRET])
    assert await app.take(old, content) == 403
    assert await told(app, 1, "answer", "ringing") == 403
    assert api.asked == []


async def test_a_notification_that_comes_again_is_taken_once(api: Api, app: App) -> None:
    @app.incoming
    async def menu(call: Call) -> None:
        first = await call.gather("One?", max_digits=1)
        await call.hangup(f"{first}{await call.gather('Two?', max_digits=1)}")

    assert await told(app, 1, "answer", "ringing") == 204
    assert await told(app, 1, "answer", "ringing") == 204
    assert await told(app, 2, "gather", "ongoing", digits="7") == 204
    assert await told(app, 2, "gather", "ongoing", digits="7") == 204
    assert api.paths == ["gather", "gather"]
    assert await told(app, 3, "gather", "ongoing", digits="8") == 204
    assert api.asked[-1][1]["msg"] == "78"
    await told(app, 4, "hangup", "ended")
    await told(app, 1, "answer", "ringing")
    assert api.paths == ["gather", "gather", "hangup"]


async def test_what_failed_here_is_taken_when_it_comes_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = App(api="http://api", app_id="me", access_token=TOKEN, transport=api)

    @app.incoming
    async def menu(call: Call) -> None:
        await call.play("Hello.")

    monkeypatch.delenv("MY_URL", raising=False)
    with pytest.raises(ValueError, match="MY_URL"):
        await told(app, 1, "answer", "ringing")
    monkeypatch.setenv("MY_URL", "http://me/")
    assert await told(app, 1, "answer", "ringing") == 204
    assert api.paths == ["play"]


async def test_what_comes_behind_a_later_one_is_dropped(api: Api, app: App) -> None:
    @app.incoming
    async def menu(call: Call) -> None:
        await call.play("One.")
        await call.gather("Two?")

    await told(app, 3, "answer", "ringing")
    await told(app, 2, "play", "ongoing")
    assert api.paths == ["play"]


async def test_it_is_answered_when_the_function_has_asked_for_what_follows(
    api: Api, app: App
) -> None:
    goes_on = asyncio.Event()

    @app.incoming
    async def menu(call: Call) -> None:
        await goes_on.wait()
        await call.play("Hello.")

    taken = asyncio.create_task(told(app, 1, "answer", "ringing"))
    while not app.calls:
        await asyncio.sleep(0)
    assert not taken.done()
    goes_on.set()
    assert await taken == 204
    assert api.paths == ["play"]


async def test_what_is_told_before_the_request_was_answered_is_not_missed(
    api: Api, app: App
) -> None:
    @app.incoming
    async def menu(call: Call) -> None:
        await call.hangup(await call.gather("Hello."))

    async def at_once(path: str) -> None:
        if path == "gather":
            told_soon.append(asyncio.create_task(told(app, 2, "gather", "ongoing", digits="5")))
            await asyncio.sleep(0)

    told_soon: list[asyncio.Task[int]] = []
    api.before = at_once
    await told(app, 1, "answer", "ringing")
    assert await told_soon[0] == 204
    assert api.asked[-1][1]["msg"] == "5"


async def test_a_call_of_ours_that_fails_before_its_request_was_answered(
    api: Api, app: App
) -> None:
    async def at_once(path: str) -> None:
        assert await told(app, 1, "dial", "ended", dial_status="busy", ended_by="callee") == 204

    api.before = at_once
    api.answers["dial"] = [{**ACCEPTED, "session": "s", "txn_ref": "t"}]
    with pytest.raises(NotAnswered):
        async with app.dial("+6561112222"):
            pass
    assert api.paths == ["dial"]


@pytest.mark.parametrize("state", ["ongoing", "ended"])
async def test_a_call_whose_function_is_not_here_is_hung_up(api: Api, app: App, state: str) -> None:
    assert await told(app, 5, "play", state) == 204
    while app.calls:
        await asyncio.sleep(0)
    assert api.paths == (["hangup"] if state == "ongoing" else [])


async def test_a_notification_of_a_newer_server_does_not_hold_up_what_follows(
    api: Api, app: App
) -> None:
    assert await told(app, 1, "sing", "ongoing") == 204


async def test_a_call_that_nobody_steers_is_rejected(api: Api, app: App) -> None:
    await told(app, 1, "answer", "ringing")
    assert api.paths == ["hangup"]


async def test_a_wait_that_was_given_up_is_ended_by_force(api: Api, app: App) -> None:
    @app.incoming
    async def menu(call: Call) -> None:
        async with asyncio.timeout(0):
            await call.gather("Hello.")

    api.answers["hangup"] = [{"status": "error_session_not_ready", "detail": "wait"}]
    await told(app, 1, "answer", "ringing")
    while app.calls:
        await asyncio.sleep(0)
    assert [form.get("force") for path, form in api.asked if path == "hangup"] == [None, "enabled"]


async def test_what_was_given_up_does_not_answer_for_what_follows(api: Api, app: App) -> None:
    typed: list[str] = []

    @app.incoming
    async def menu(call: Call) -> None:
        first = asyncio.create_task(call.gather("One?"))
        await asked.wait()
        first.cancel()
        typed.append(await call.gather("Two?"))

    async def asks(path: str) -> None:
        asked.set()

    asked = asyncio.Event()
    api.before = asks
    await told(app, 1, "answer", "ringing")
    await told(app, 2, "gather", "ongoing", digits="1")
    await told(app, 3, "gather", "ongoing", digits="2")
    while app.calls:
        await asyncio.sleep(0)
    assert typed == ["2"]


async def test_the_end_of_the_process_hangs_up_and_runs_finally(api: Api, app: App) -> None:
    ended: list[str] = []

    @app.incoming
    async def menu(call: Call) -> None:
        try:
            await call.gather("Hello.")
        finally:
            ended.append(call.session)

    await told(app, 1, "answer", "ringing")
    await app.close()
    assert (ended, api.paths) == (["s"], ["gather", "hangup"])


def test_there_is_one_function(app: App) -> None:
    async def menu(call: Call) -> None:
        pass

    assert app.incoming(menu) is menu
    with pytest.raises(TypeError, match="already"):
        app.incoming(menu)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_URL", raising=False)
    with pytest.raises(ValueError, match="MY_URL is not in the environment"):
        App(api="http://api", app_id="me", access_token=TOKEN).run()


async def test_only_posts_are_taken(app: App) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"body": b"x" * 300_000, "more_body": True}

    for method in ("GET", "POST"):
        await app({"type": "http", "method": method, "headers": []}, receive, send)
    assert [one["status"] for one in sent if "status" in one] == [405, 413]
