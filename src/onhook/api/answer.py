"""What goes back to an application: the JSON object, and the headers beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from onhook.blocks import Refused, statuses


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
