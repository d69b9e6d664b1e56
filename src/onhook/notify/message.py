"""The HTTP message that carries a notification. Pure.

Every parameter goes both into the query string and into a form-encoded body, since there are
applications that read only the one or only the other; in both it follows whatever query the notify_url
itself carried, kept byte for byte. Query and body are therefore the same bytes, and a receiver that
can get hold of its raw query string can check the signature over either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from onhook import __version__
from onhook.notify.notification import AppSecrets, Notification
from onhook.notify.signatures import hoiio_signature, webhook_headers
from onhook.notify.urls import WebUrl, parse

USER_AGENT = f"Onhook/{__version__}"
"""How requests to customers' servers name themselves."""


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """A POST, ready to be sent."""

    url: WebUrl = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def build(notification: Notification, secrets: AppSecrets, timestamp_s: int) -> HttpMessage:
    """Build and sign the message of one attempt, made at `timestamp_s` (Unix time).

    Raises `UrlRefused` for a URL that may not be called, `SecretUnusable` for a broken secret.
    """
    url = parse(notification.url)
    encoded = encode(url.query, notification.fields)
    body = encoded.encode("ascii")
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": USER_AGENT,
        "X-Onhook-Event": str(notification.sequence),
        "X-Hoiio-Signature": hoiio_signature(body, secrets.access_token),
        **webhook_headers(notification.id, timestamp_s, body, secrets.webhook_secrets),
    }
    return HttpMessage(url.with_query(encoded), headers, body)


def encode(own_query: str | None, fields: Mapping[str, str]) -> str:
    """Return the URL's own query, untouched, followed by the fields, form-encoded as UTF-8.

    A blank is sent as `%20`, which forms and query strings both read as a blank; `+` only forms do.
    """
    own = own_query or ""
    encoded = urlencode(fields, quote_via=quote, safe="", errors="replace")
    separator = "&" if own and encoded and not own.endswith("&") else ""
    return own + separator + encoded
