"""Who sent a notification, and what it tells. Pure, but for the clock that says whether it is old."""

import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

from onhook.client.errors import NoReply, NotSigned
from onhook.client.notifications import NOTIFICATIONS, Notification
from onhook.client.values import read
from onhook.notify.errors import SecretUnusable
from onhook.notify.signatures import hoiio_signature, webhook_headers

MAX_AGE_S: Final = 300
"""So old, or so far ahead, may the time of a signature be."""


def check(
    headers: Mapping[str, str],
    body: bytes,
    access_token: str,
    webhook_secrets: Sequence[str] = (),
    *,
    now_s: float | None = None,
) -> None:
    """Returns if the server signed this body. Raises NotSigned.

    Names of `headers` may have any case; `body` is what came, byte for byte. With `webhook_secrets` it is
    `webhook-signature` that counts, which covers the time and the id, so that nothing that somebody recorded
    can be sent once more; without, it is `X-Hoiio-Signature`.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    if not webhook_secrets:
        expected, found = (
            [hoiio_signature(body, access_token)],
            lowered.get("x-hoiio-signature", ""),
        )
    else:
        expected = _expected(
            lowered, body, webhook_secrets, time.time() if now_s is None else now_s
        )
        found = lowered.get("webhook-signature", "")
    pairs = [(one, given) for one in expected for given in found.split()]
    if not any(hmac.compare_digest(one.encode(), given.encode()) for one, given in pairs):
        raise NotSigned("the signature of the notification is missing or wrong")


def _expected(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now_s: float
) -> list[str]:
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit()) or abs(now_s - int(stamp[:20])) > MAX_AGE_S:
        raise NotSigned(
            "the time of the notification is missing, or far from the time of this machine"
        )
    try:
        return webhook_headers(name, int(stamp), body, secrets)["webhook-signature"].split()
    except SecretUnusable as error:
        raise ValueError(error.detail) from error


def fields(body: bytes) -> Mapping[str, str]:
    """The fields of a notification, form or JSON. Raises NoReply where it is neither."""
    try:
        if body.lstrip().startswith(b"{"):
            return {name: str(value) for name, value in json.loads(body).items()}
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    except ValueError as error:
        raise NoReply(f"what came is no notification: {error}") from error


def notification(told: Mapping[str, str]) -> Notification:
    """What these fields tell, in types. Raises NoReply for one that this version does not know."""
    kind = NOTIFICATIONS.get(told.get("ivr_block", ""))
    if kind is None:
        raise NoReply(f"this version knows no notification {told.get('ivr_block')!r}")
    return read(kind, told)
