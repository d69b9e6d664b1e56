"""The HTTP message that carries a notification. Pure.

Every parameter goes both into the query string and into a form-encoded body, since there are
applications that read only the one or only the other; in both it follows whatever query the notify_url
itself carried, kept byte for byte. Query and body are therefore the same bytes, and a receiver that
can get hold of its raw query string can check the signature over either. A parameter of the notify_url that
has the name of one that is sent is left out: which of two a receiver reads depends on its language.

Whoever wants JSON gets it as the body alone: an object of the same parameters, all of them strings. The
notify_url is then called as it is.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote_plus, unquote_plus

from onhook import __version__
from onhook.notification import Notification
from onhook.notify.signatures import AppSecrets, hoiio_signature, webhook_headers
from onhook.urls import UnusableUrl, UrlRefused, WebUrl

USER_AGENT = f"Onhook/{__version__}"
"""How requests to customers' servers name themselves."""


_unsafe = re.compile(r"[^0-9A-Za-z_.~-]").search
_ESCAPES = {code: quote_plus(chr(code)) for code in range(128)}


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
    url = notification.url
    if isinstance(url, UnusableUrl):
        raise UrlRefused(url.detail)
    if notification.format == "json":
        content_type, body = "application/json", as_json(notification.fields)
    else:
        encoded = encode(url.query, notification.fields)
        url, body = url.with_query(encoded), encoded.encode("ascii")
        content_type = "application/x-www-form-urlencoded"
    headers = {
        "Content-Type": content_type,
        "User-Agent": USER_AGENT,
        "X-Onhook-Event": str(notification.sequence),
        "X-Hoiio-Signature": hoiio_signature(body, secrets.access_token),
        **webhook_headers(notification.notification_id, timestamp_s, body, secrets.webhook_secrets),
    }
    return HttpMessage(url, headers, body)


def encode(own_query: str | None, fields: Mapping[str, str]) -> str:
    """Return the URL's own query, untouched, followed by the fields, form-encoded as UTF-8.

    Of its own parameters those are left out that are called like a field. A blank is sent as `+`, as the
    API has always written it.
    """
    own = own_query or ""
    if own:
        own = "&".join(pair for pair in own.split("&") if _name(pair) not in fields)
    encoded = "&".join(
        [
            f"{_quoted_name(name)}={_quoted(text) if _unsafe(text) else text}"
            for name, text in fields.items()
        ]
    )
    separator = "&" if own and encoded and not own.endswith("&") else ""
    return own + separator + encoded


def as_json(fields: Mapping[str, str]) -> bytes:
    """Return the fields as a JSON object, in UTF-8."""
    text = json.dumps(dict(fields), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", errors="replace")


def _quoted(text: str) -> str:
    """As `urlencode` writes it. Nearly all of ours are ASCII, and most can stand as they are."""
    return text.translate(_ESCAPES) if text.isascii() else quote_plus(text, errors="replace")


_quoted_name = lru_cache(maxsize=256)(_quoted)


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0])
