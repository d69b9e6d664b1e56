"""Idempotency keys: a request that may be sent again without being carried out again. Pure.

Beyond the original API, and never in its way: a request without a key is what it always was. The name
of the header, and that a key used for another request is an error, follow
draft-ietf-httpapi-idempotency-key-header; that the error is an HTTP 200 follows this API.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

from onhook.blocks.params import Kind, Param
from onhook.blocks.request import Refused, RequestKey

HEADER: Final = "Idempotency-Key"
"""The request header that carries a key; it counts before the parameter."""

REPLAYED_HEADER: Final = "Idempotent-Replayed"
"""``true`` on a reply that was given before."""

KEPT_S: Final = 24 * 3600
"""A key is remembered for this long after its first request."""

KEY_MAX: Final = 255

PARAM: Final = Param(
    "idempotency_key",
    Kind.IDEMPOTENCY_KEY,
    "A name of your own for this request, for every endpoint; the header Idempotency-Key does the "
    "same and counts first. Sent again within 24 hours with the same parameters, the request is not "
    "carried out again: the first reply comes back, marked with the header Idempotent-Replayed: "
    "true. Of two at once the second waits for the first. Use a new random key for each request.",
    max_length=KEY_MAX,
    example="0d0e1c52-7b0f-4c41-9f5c-2d8f5a3f7a10",
)
"""The parameter that every endpoint takes beside its own."""

TRY_AGAIN: Final = frozenset(
    {
        "error_rate_limit_exceeded",
        "error_internal_server_error",
        "error_invalid_access_token",
        "error_invalid_app_id",
        "error_session_not_ready",
        "error_session_not_on_hold",
    }
)
"""Refusals that no key remembers. They say "try again": later, with other credentials, or when the
block in progress is done. A remembered one would refuse for 24 hours what may be accepted in a second."""

_NOT_COMPARED = frozenset({"access_token", PARAM.name})


def read_key(headers: Sequence[str], given: Mapping[str, str]) -> str | None:
    """The request's key, from the values of its header as HTTP libraries give them (Latin-1), else from
    its parameter; None without one. An empty one counts as absent.

    Raises :class:`Refused` with ``error_malformed_params``.
    """
    if len(headers) > 1:
        raise _malformed(f"the header {HEADER} is given more than once")
    key = (_text(headers[0]) if headers else "") or given.get(PARAM.name, "")
    if len(key) > KEY_MAX:
        raise _malformed(
            f"the idempotency key has {len(key)} characters; at most {KEY_MAX} are allowed"
        )
    if not key.isprintable():
        raise _malformed("the idempotency key holds a character that cannot be printed")
    return key or None


def request_key(key: str, path: str, given: Mapping[str, str]) -> RequestKey:
    """The key with the digest of what was asked for under it.

    GET and POST of the same parameters are the same request. The access token does not count, so that
    a request may be sent again with a new one; a parameter that is empty is one that is not there.
    """
    asked = sorted((name, text) for name, text in given.items() if text)
    compared = [pair for pair in asked if pair[0] not in _NOT_COMPARED]
    text = json.dumps([path, compared], ensure_ascii=False)
    return RequestKey(key, hashlib.sha256(text.encode()).hexdigest())


def _text(header: str) -> str:
    try:
        return header.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        raise _malformed(f"the header {HEADER} is not UTF-8") from None


def _malformed(what: str) -> Refused:
    return Refused(
        "error_malformed_params",
        f"The request cannot be read: {what}. Use 1 to {KEY_MAX} printable characters, such as a UUID.",
    )
