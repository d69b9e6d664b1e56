"""Everything that can go wrong with a request, as one tree.

OnhookError
  NoReply              nothing came back that can be used: unreachable, too slow, or not this API
  Refused              the API said no: `status`, and `detail`, which says what to do about it
    SessionEnded       the call is over, so nothing more can be done with it
    RateLimited        too many requests: `retry_after_s`
  NotSigned            a notification that does not come from the server
"""


class OnhookError(Exception):
    """Root of the tree."""


class NoReply(OnhookError):
    """Nothing came back that can be used, also when it was asked again: it may have been carried out."""


class Refused(OnhookError):
    """The API refused the request, which left everything as it was."""

    def __init__(self, status: str, detail: str, path: str) -> None:
        super().__init__(f"{path}: {status}: {detail}")
        self.status = status
        """Such as `error_session_not_ready`; the reference has those of each request."""
        self.detail = detail
        """A sentence: what was wrong, and what to do about it."""
        self.path = path
        """What was asked for, such as `ivr/middle/play`."""


class SessionEnded(Refused):
    """The call is over (`error_session_ended`)."""


class RateLimited(Refused):
    """Too many requests of this application (`error_rate_limit_exceeded`)."""

    def __init__(self, status: str, detail: str, path: str, retry_after_s: float) -> None:
        super().__init__(status, detail, path)
        self.retry_after_s = retry_after_s
        """So long to wait, seconds."""


class NotSigned(OnhookError):
    """A notification whose signature is missing, wrong or too old: answer it with 403, and do nothing."""
