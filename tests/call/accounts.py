"""What one block does, by its request and the reference alone: an account for each kind of block.

They share nothing with the machine but the parameters of the request.
"""

from typing import ClassVar

from onhook.call import Fields, Job
from onhook.call.works import (
    Gathering,
    Holding,
    Meeting,
    Monitoring,
    Recording,
    Saying,
    SendingDigits,
    Transferring,
    Unholding,
)


class Account:
    """A block that says something, if there is something to say; then it is over."""

    ends_call: bool = False
    """Whether the call ends with it."""
    keeps_keys: ClassVar[bool] = True
    """Whether what was typed before is still there for a later Gather."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.begun = False
        self.over = False
        self.speaking = False
        self.until: float | None = None
        """When its time is over."""

    def begin(self, at: float, keys: str) -> str:
        """The other side hears. Takes what was typed ahead, and returns what it left of it."""
        self.begun = True
        self.ask(at)
        return keys if self.keeps_keys else ""

    def ask(self, at: float) -> None:
        """Its message, or what follows upon it."""
        if self.speaks:
            self.speaking = True
        else:
            self.said(at)

    @property
    def speaks(self) -> bool:
        return self.job.speaks

    def heard(self, at: float) -> None:
        """Its message was heard, or cut off by a key."""
        self.speaking = False
        self.said(at)

    def said(self, at: float) -> None:
        """What follows upon the message."""
        self.over = True

    def key(self, key: str, at: float) -> bool:
        """Whether a key was for it."""
        return False

    def time_is_up(self, at: float) -> None:
        raise AssertionError("it has no time of its own")

    @property
    def loops(self) -> bool:
        """Whether something plays again and again."""
        return False

    @property
    def told(self) -> Fields:
        """The fields of its notification, as things are."""
        return ()

    @property
    def waits_for_others(self) -> bool:
        """Whether it goes on until somebody else ends it."""
        return False


class Dialled(Account):
    """A Dial that was answered."""

    @property
    def told(self) -> Fields:
        return (("dial_status", "answered"),)


class Monitored(Account):
    """A Monitor, which has begun to record before its message."""

    @property
    def told(self) -> Fields:
        assert isinstance(self.job.work, Monitoring)
        return (("monitor_url", self.job.work.url),) if self.begun and not self.over else ()


class Gathered(Account):
    """A Gather: ``typed`` is every key that it took, the # included."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        assert isinstance(job.work, Gathering)
        self.max_digits = job.work.max_digits
        self.timeout_s = job.work.timeout_s
        self.rounds = job.work.attempts
        self.typed = ""

    def begin(self, at: float, keys: str) -> str:
        if not keys:
            return super().begin(at, keys)
        self.begun = True
        self.said(at)
        return self.take(keys)

    def said(self, at: float) -> None:
        self.until = at + self.timeout_s

    def key(self, key: str, at: float) -> bool:
        if self.speaking:
            self.heard(at)
        self.take(key)
        return True

    def take(self, keys: str) -> str:
        """Keys up to and with the one that ends it; returns the others."""
        number, end, rest = (self.typed + keys).partition("#")
        if self.max_digits and len(number) >= self.max_digits:
            self.typed, left = number[: self.max_digits], number[self.max_digits :] + end + rest
        else:
            self.typed, left = number + end, rest
        self.over = bool(end) or len(self.digits) == self.max_digits
        return left

    def time_is_up(self, at: float) -> None:
        self.rounds -= 1
        self.until = None
        if self.typed or not self.rounds:
            self.over = True
        else:
            self.ask(at)

    @property
    def digits(self) -> str:
        return self.typed.removesuffix("#")

    @property
    def told(self) -> Fields:
        return (("digits", self.digits),)


class Typed(Account):
    """A SendDigits: its message, then its keys, which take their time as a message does."""

    types = False
    """Whether the message is behind it."""

    def said(self, at: float) -> None:
        self.over = self.types
        self.types = self.speaking = not self.over


class Recorded(Account):
    """A Record: message and beep, then the tape."""

    keeps_keys = False

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        assert isinstance(job.work, Recording)
        self.work = job.work
        self.taped = False

    @property
    def speaks(self) -> bool:
        return self.job.speaks or self.work.beep

    def said(self, at: float) -> None:
        self.taped = True
        self.until = at + self.work.max_duration_s

    def key(self, key: str, at: float) -> bool:
        if key == "#" and self.speaking:
            self.heard(at)
        elif key == "#":
            self.over = True
        return True

    def time_is_up(self, at: float) -> None:
        self.over = True

    @property
    def told(self) -> Fields:
        return (("record_url", self.work.url),) if self.taped else ()


class Held(Account):
    """A Hold: what it plays it plays until it is taken off."""

    keeps_keys = False

    @property
    def speaks(self) -> bool:
        return False  # not once, as others do


class Unheld(Account):
    """An Unhold."""

    keeps_keys = False  # nothing is typed on hold


class Met(Account):
    """A transfer to a room, or the seat of a conference."""

    keeps_keys = False

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        assert isinstance(job.work, Meeting)
        self.field = job.work.field
        self.inside = False

    def said(self, at: float) -> None:
        self.inside = True

    def key(self, key: str, at: float) -> bool:
        return True

    @property
    def told(self) -> Fields:
        answered = self.inside or self.field == "dial_status"
        return ((self.field, "answered" if answered else "unanswered"),)

    @property
    def waits_for_others(self) -> bool:
        return self.inside


class Transferred(Account):
    """A transfer to a number."""

    keeps_keys = False

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        assert isinstance(job.work, Transferring)
        self.work = job.work
        self.rings = self.audible = self.joined = False
        self.status = "unanswered"

    def said(self, at: float) -> None:
        self.rings = True
        self.until = at + self.work.ring_s

    def key(self, key: str, at: float) -> bool:
        return True

    def time_is_up(self, at: float) -> None:
        if self.joined:
            self.left()
        else:
            self.failed("unanswered")

    def failed(self, status: str) -> None:
        """The peer was not reached."""
        self.rings = False
        self.status = status
        self.over = True
        self.ends_call = not self.work.goes_on

    def answered(self, at: float) -> None:
        """The peer answered."""
        self.rings = False
        self.joined = True
        self.status = "answered"
        self.until = None if self.work.longest_s is None else at + self.work.longest_s

    def left(self) -> None:
        """The peer, or the room, has enough."""
        self.over = self.ends_call = True

    @property
    def loops(self) -> bool:
        return self.rings and not self.audible

    @property
    def told(self) -> Fields:
        return ((self.work.field, self.status),)

    @property
    def waits_for_others(self) -> bool:
        return self.joined


_ACCOUNTS: dict[type, type[Account]] = {
    Gathering: Gathered,
    Holding: Held,
    Meeting: Met,
    Monitoring: Monitored,
    Recording: Recorded,
    Saying: Dialled,
    SendingDigits: Typed,
    Transferring: Transferred,
    Unholding: Unheld,
}


def account_of(job: Job) -> Account:
    """The account of a block that was accepted."""
    if job.work == Saying():  # a Play; that of a Dial has something to tell
        return Account(job)
    return _ACCOUNTS.get(type(job.work), Account)(job)
