"""What goes back to an application: the JSON object, and the headers beside it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from onhook.blocks import Refused, statuses

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply of the API. Its HTTP status is 200, whatever ``status`` in the body says."""

    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Its field `status`, such as ``success_ok``."""
        return str(self.body["status"])


def success(reply: Mapping[str, object]) -> Answer:
    """The request was accepted; ``reply`` joins the status."""
    return Answer({"status": statuses.SUCCESS, **reply})


def refusal(refused: Refused) -> Answer:
    """HTTP 200 with the status and the sentence, as all errors of this API."""
    return Answer({"status": refused.status, "detail": refused.detail}, refused.headers)


def written(answer: Answer, beside: Iterable[tuple[str, str]] = ()) -> tuple[bytes, bytes]:
    """The header lines of a reply, with those ``beside`` the answer's own, and its body."""
    body = _JSON.encode(answer.body).encode()
    lines = "".join(f"{name.lower()}: {text}\r\n" for name, text in answer.headers.items())
    lines += f"content-length: {len(body)}\r\ncontent-type: application/json\r\n"
    for name, text in beside:
        lines += f"{name.lower()}: {text}\r\n"
    return lines.encode("latin-1"), body
