"""Two signatures of a notification. Pure.

- `X-Hoiio-Signature`, for clients of the IVR API: lower-case hex HMAC-SHA256 of the raw body, keyed
  with the access token.
- Standard Webhooks (the specification of that name, version 1): `webhook-id`, `webhook-timestamp` and
  `webhook-signature`, an HMAC-SHA256 over the three parts `id.timestamp.body`, so that neither an old
  body nor an old time can be replayed. During a rotation there is one signature for each secret.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from onhook.notify.errors import SecretUnusable

SECRET_PREFIX = "whsec_"
"""Marks the text form of a Standard Webhooks secret."""

_KEYS_AT_HAND = 1024


@dataclass(frozen=True, slots=True)
class AppSecrets:
    """What signs an application's notifications."""

    access_token: str = field(repr=False)
    """Keys `X-Hoiio-Signature`."""
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    """`whsec_` secrets for Standard Webhooks, newest first; two or more during a rotation."""


def hoiio_signature(body: bytes, access_token: str) -> str:
    """Return the value of `X-Hoiio-Signature` for a raw request body."""
    return _mac(access_token.encode(), body).hex()


def webhook_headers(
    message_id: str, timestamp_s: int, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """Return the three Standard Webhooks headers.

    `timestamp_s` is the Unix time of this attempt. With no secret there is nothing to sign with: the
    id (the receiver's key against duplicates) and the time are sent all the same.
    Raises `SecretUnusable`.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp_s)}
    if secrets:
        signed = b"%s.%d.%s" % (message_id.encode(), timestamp_s, body)
        made = [base64.b64encode(_mac(secret_key(secret), signed)).decode() for secret in secrets]
        headers["webhook-signature"] = " ".join([f"v1,{signature}" for signature in made])
    return headers


def _mac(key: bytes, data: bytes) -> bytes:
    begun = _keyed(key).copy()
    begun.update(data)
    return begun.digest()


@lru_cache(maxsize=_KEYS_AT_HAND)
def _keyed(key: bytes) -> hmac.HMAC:
    """What all signatures with this key begin with: half of the work, for a text as short as ours."""
    return hmac.new(key, digestmod="sha256")


@lru_cache(maxsize=_KEYS_AT_HAND)
def secret_key(secret: str) -> bytes:
    """Return the key in a `whsec_` secret; padding may be missing. Raises `SecretUnusable`."""
    if not secret.startswith(SECRET_PREFIX):
        raise SecretUnusable("a webhook secret starts with whsec_")
    encoded = secret.removeprefix(SECRET_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise SecretUnusable("a webhook secret is whsec_ and base64") from None
    if not key:
        raise SecretUnusable("a webhook secret is not empty")
    return key
