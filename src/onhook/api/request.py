"""A request of the API as it came: its head read once, its body as bytes. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from onhook.administration import operator_hangup
from onhook.blocks import idempotency

_KEY = idempotency.HEADER.lower().encode()
_OPERATOR = operator_hangup.HEADER.lower().encode()


@dataclass(slots=True)
class ApiRequest:
    """What matters of a request: of a header that is given twice the first value counts."""

    method: str
    query: bytes
    headers: Iterable[tuple[bytes, bytes]]
    """Their names in lower case."""
    arrived_s: float = 0.0
    """When it was its turn, on the monotonic clock."""
    body: bytes | None = None
    """None for one that did not come to its end."""
    content_type: str = field(init=False)
    keys: list[str] = field(init=False, default_factory=list)
    """The values of Idempotency-Key."""
    operator: str = field(init=False, default="")
    """What X-Onhook-Operator says, of a Hangup by the command."""

    def __post_init__(self) -> None:
        """Headers are in Latin-1, as HTTP libraries give them."""
        content_type = None
        for name, value in self.headers:
            if name == b"content-type" and content_type is None:
                content_type = value.decode("latin-1")
            elif name == _KEY:
                self.keys.append(value.decode("latin-1"))
            elif name == _OPERATOR:
                self.operator = value.decode("latin-1")
        self.content_type = content_type or ""

    def header(self, wanted: bytes) -> str | None:
        """The first value of another header; None without one."""
        for name, value in self.headers:
            if name == wanted:
                return value.decode("latin-1")
        return None

    @property
    def has_body(self) -> bool:
        """Whether its body is looked at."""
        return self.method == "POST"
