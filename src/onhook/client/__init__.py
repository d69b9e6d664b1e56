"""Asks the API, in types: `Client`, and `AsyncClient` for asyncio.

    with Client("http://127.0.0.1:8080", app_id, access_token) as onhook:
        call = onhook.dial("+6591112222", msg="Hello.", notify_url="https://shop.example.com/calls")
        print(call.session)

Requests, replies and notifications are written from the declarations of the API (scripts/client_modules.py).
What is wrong is an exception (`onhook.client.errors`). Nothing of the server is imported.
"""

from onhook.client.async_client import AsyncClient
from onhook.client.errors import (
    NoReply,
    NotSigned,
    OnhookError,
    RateLimited,
    Refused,
    SessionEnded,
)
from onhook.client.sync_client import Client

__all__ = [
    "AsyncClient",
    "Client",
    "NoReply",
    "NotSigned",
    "OnhookError",
    "RateLimited",
    "Refused",
    "SessionEnded",
]
