"""What the API has under other paths, and this server has not: such a request is refused, not lost.

Clients parse JSON from HTTP 200 and read its status, so they get both (reference, section 7, "What is
not served").
"""

from onhook.blocks.declaration import ACCESS_TOKEN, APP_ID
from onhook.blocks.endpoint import Endpoint

UNSERVED = Endpoint(
    path="unserved",
    summary="Any path under /open/ that nothing else has.",
    doc="Who asks is checked first, as everywhere.",
    params=(APP_ID, ACCESS_TOKEN),
    own_statuses=("error_sms_service_not_available", "error_service_not_available"),
)
"""Its path stands for all of them: it is the name under which they are counted."""


def refusal_of(path: str) -> str:
    """The status for a path, without ``/open/`` and without slashes around it."""
    sms, others = UNSERVED.own_statuses
    return sms if path.partition("/")[0] == "sms" else others
