"""What the switch and the process that delivers tell one another, and how it is written. Pure.

| the switch says | |
|---|---|
| `Deliver` | this notification is on disk: deliver it |
| `Resume` | a part of what the disk holds undelivered, in its order; it is taken up with the last part |
| `Recorded` | the attempt is on disk, or could not be written |
| `SecretsFound` | what signs an application's notifications now, or why nobody knows |
| `Drain` | try once what is waiting, then stop |

| the process that delivers says | |
|---|---|
| `Tried` | an attempt was made: write it, and answer `Recorded` |
| `SecretsWanted` | answer `SecretsFound` |
| `Barred` | its first attempt found that the address may not be called |
| `Drained` | nothing is tried any more |

A message is four bytes of length (big endian) and JSON: a list of its name and its values. What comes back is
equal to what was written, whatever texts stand in it. Secrets stand in `SecretsFound` alone.
"""

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, get_args

from onhook import urls
from onhook.notification import Notification
from onhook.notify.attempt import UNTRIED, Attempt, AttemptOutcome, DeliveryProgress
from onhook.notify.signatures import AppSecrets
from onhook.registry import complete
from onhook.urls import UnusableUrl

MAX_BYTES: Final = 64 * 1024 * 1024
"""Of one message. None of ours comes near it."""

_LENGTH: Final = struct.Struct(">I")
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_parsed: Final = json.JSONDecoder().raw_decode


class BrokenMessage(ValueError):
    """What arrived is no message of these; what stands in it is not repeated, since it may be a secret."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """A notification, and how far its delivery has come."""

    notification: Notification
    progress: DeliveryProgress = UNTRIED


@dataclass(frozen=True, slots=True)
class Resume:
    """A part of what was undelivered when the two met; those of one session in their order."""

    several: tuple[Deliver, ...] = ()
    last: bool = True
    """Nothing more of it comes."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a `Tried`."""

    notification_id: str
    error: str | None = None
    """Why it is not written: the name of an exception."""


@dataclass(frozen=True, slots=True)
class SecretsFound:
    """The answer to `SecretsWanted`."""

    app_id: str
    secrets: AppSecrets | None
    """None if there is no such application any more."""
    error: str | None = None
    """Why it is not known: the name of an exception."""


@dataclass(frozen=True, slots=True)
class Drain:
    """`deadline_s` from now it is over."""

    deadline_s: float


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt, as `OutboxStore.record_attempt` takes it."""

    notification_id: str
    attempt: Attempt
    outcome: AttemptOutcome
    next_at: float | None
    awaited: bool = False
    """Another notification of its session waits until it is recorded."""


@dataclass(frozen=True, slots=True)
class SecretsWanted:
    """Asks for the secrets of an application."""

    app_id: str


@dataclass(frozen=True, slots=True)
class Barred:
    """A notification whose address may not be called."""

    notification: Notification = field(repr=False)


@dataclass(frozen=True, slots=True)
class Drained:
    """The answer to `Drain`."""

    undelivered: int


Message: TypeAlias = (
    Deliver | Resume | Recorded | SecretsFound | Drain | Tried | SecretsWanted | Barred | Drained
)


def encode(message: Message) -> bytes:
    """The message as it travels, its length before it."""
    values = _WRITE[type(message)](message)
    text = _JSON.encode([type(message).__name__, *values])
    # A text may hold half a character: whoever sent us a field decides what stands in it.
    data = text.encode("utf-8", "surrogatepass")
    return _LENGTH.pack(len(data)) + data


def decode(data: bytes | bytearray) -> Message:
    """The message in what followed its length. Raises `BrokenMessage`."""
    try:
        text = data.decode("utf-8", "surrogatepass")
        (name, *values), end = _parsed(text)
        if end != len(text):
            raise ValueError
        message: Message = _READ[name](*values)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise BrokenMessage(type(error).__name__) from None
    return message


class Frames:
    """Takes a stream apart into the messages that it is made of."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole by now. Raises `BrokenMessage`."""
        held = self._held
        held += data
        begin = 0
        try:
            while len(held) - begin >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(held, begin)
                if length > MAX_BYTES:
                    raise BrokenMessage("the length of a message")
                end = begin + _LENGTH.size + length
                if end > len(held):
                    return
                text = held[begin + _LENGTH.size : end]
                begin = end
                yield decode(text)
        finally:
            del held[:begin]


_Values: TypeAlias = list[Any]


def _notification_values(told: Notification) -> _Values:
    url = told.url
    return [
        told.notification_id,
        told.session,
        told.app_id,
        told.sequence,
        url.text,
        url.detail if isinstance(url, UnusableUrl) else None,
        dict(told.fields),
        told.created_ms,
        told.format,
    ]


def _notification(values: _Values) -> Notification:
    notification_id, session, app_id, sequence, url, unusable, fields, created_ms, form = values
    return Notification(
        notification_id=notification_id,
        session=session,
        app_id=app_id,
        sequence=sequence,
        url=urls.stored(url) if unusable is None else UnusableUrl(url, unusable),
        fields=dict(fields),
        created_ms=created_ms,
        format=form,
    )


def _deliver_values(one: Deliver) -> _Values:
    told = _notification_values(one.notification)
    if one.progress is UNTRIED:
        return [told]
    so_far = one.progress
    return [
        told,
        so_far.first_attempt_at,
        so_far.attempts,
        so_far.next_at,
        so_far.scheduled,
        so_far.not_before,
    ]


def _deliver(told: _Values, *progress: Any) -> Deliver:
    return Deliver(_notification(told), DeliveryProgress(*progress) if progress else UNTRIED)


def _secrets_values(found: SecretsFound) -> _Values:
    secrets = found.secrets
    known = None if secrets is None else [secrets.access_token, secrets.webhook_secrets]
    return [found.app_id, known, found.error]


def _secrets_found(app_id: str, known: _Values | None, error: str | None) -> SecretsFound:
    secrets = None if known is None else AppSecrets(known[0], tuple(known[1]))
    return SecretsFound(app_id, secrets, error)


def _tried_values(tried: Tried) -> _Values:
    made = tried.attempt
    return [
        tried.notification_id,
        tried.outcome.value,
        tried.next_at,
        made.number,
        made.at,
        made.status,
        made.error,
        made.duration_ms,
        made.scheduled,
        made.not_before,
        tried.awaited,
    ]


def _tried(
    notification_id: str,
    outcome: str,
    next_at: float | None,
    number: int,
    at: float,
    status: int | None,
    error: str | None,
    duration_ms: float,
    scheduled: int,
    not_before: float,
    awaited: bool,
) -> Tried:
    """It comes from where strangers' replies are read, and is written: nothing but what it says it is."""
    made = Attempt(
        _of(int, number),
        _of(float, at),
        None if status is None else _of(int, status),
        None if error is None else _of(str, error),
        _of(float, duration_ms),
        _of(int, scheduled),
        _of(float, not_before),
    )
    later = None if next_at is None else _of(float, next_at)
    name, came_to = _of(str, notification_id), AttemptOutcome(outcome)
    return Tried(name, made, came_to, later, _of(bool, awaited))


def _of(kind: type[Any], value: Any) -> Any:
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise TypeError
    return value


_KINDS: Final[tuple[type[Any], ...]] = get_args(Message)

_WRITE: Final[Mapping[type[Any], Callable[[Any], _Values]]] = complete(
    "way to write",
    _KINDS,
    {
        Deliver: _deliver_values,
        Resume: lambda part: [part.last, [_deliver_values(one) for one in part.several]],
        Recorded: lambda done: [done.notification_id, done.error],
        SecretsFound: _secrets_values,
        Drain: lambda drain: [drain.deadline_s],
        Tried: _tried_values,
        SecretsWanted: lambda wanted: [wanted.app_id],
        Barred: lambda barred: [_notification_values(barred.notification)],
        Drained: lambda drained: [drained.undelivered],
    },
)

_READ: Final[Mapping[str, Callable[..., Message]]] = complete(
    "way to read",
    [kind.__name__ for kind in _KINDS],
    {
        "Deliver": _deliver,
        "Resume": lambda last, several: Resume(tuple(_deliver(*one) for one in several), last),
        "Recorded": Recorded,
        "SecretsFound": _secrets_found,
        "Drain": Drain,
        "Tried": _tried,
        "SecretsWanted": SecretsWanted,
        "Barred": lambda told: Barred(_notification(told)),
        "Drained": Drained,
    },
)
