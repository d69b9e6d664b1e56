"""Our tags in what we answer (RFC 3261 19.3)."""

import secrets
from hashlib import blake2b

from onhook.phone.message import Request


class Tags:
    """Those of one endpoint: nobody else can tell them beforehand."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(16)

    def __call__(self, request: Request) -> str:
        """Our tag for a request: the same whenever the request is repeated, and for its CANCEL."""
        text = f"{request.call_id}\n{request.from_tag}\n{request.via.branch}"
        data = text.encode("utf-8", "surrogateescape")
        return blake2b(data, key=self._secret, digest_size=8).hexdigest()
