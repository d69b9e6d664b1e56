"""A small application, as somebody might write it: a menu, in ASGI."""

import asyncio
import json
import os
from typing import Any
from urllib.parse import parse_qsl, urlencode
from urllib.request import urlopen


def ask(path: str, **params: str) -> dict[str, Any]:
    """Makes a request of the API."""
    wish = {
        "app_id": os.environ["APP_ID"],
        "access_token": os.environ["ACCESS_TOKEN"],
        "notify_url": os.environ["MY_URL"],
        **params,
    }
    url = f"{os.environ['ONHOOK_API']}/open/ivr/{path}"
    with urlopen(url, urlencode(wish).encode(), timeout=60) as reply:
        answer: dict[str, Any] = json.load(reply)
    return answer


def act(told: dict[str, str]) -> None:
    """Asks for what follows a notification."""
    if told["call_state"] == "ended":
        return
    session, digits = told["session"], told.get("digits", "")
    if told["ivr_block"] == "answer":
        ask("middle/gather", session=session, msg="Welcome. Press 1 or 2.", max_digits="1")
    elif digits == "1":
        ask("end/transfer", session=session, msg="One moment.", dest="+6561112222",
            on_failure="continue")  # fmt: skip
    elif digits == "2":
        ask("middle/play", session=session, msg="We are open from nine to six.")
    elif told["ivr_block"] == "transfer":
        ask("end/hangup", session=session, msg="Nobody is there.")
    else:
        ask("end/hangup", session=session, msg="Good bye.", tag="regular")


async def menu(scope: Any, receive: Any, send: Any) -> None:
    """The application."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    await asyncio.to_thread(act, dict(parse_qsl(body.decode(), keep_blank_values=True)))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
