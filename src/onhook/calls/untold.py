"""Recordings of which nobody was told: whoever asks for the call is given their links. Pure."""

from collections.abc import Mapping, Sequence

from onhook.store import CallRecord, StoredNotification

_LINKS = ("record_url", "monitor_url")
_ENDED = "ended"
_GIVEN_UP = "given_up"


def untold_links(
    record: CallRecord, notifications: Sequence[StoredNotification] = ()
) -> Mapping[str, str]:
    """Links by the name of their field, of several of one name the last; none while the call goes on.

    Nobody is told where a forced Hangup without notify_url ends a Record, and where the notification was
    given up. ``notifications`` are those of the call, in order.
    """
    if record.state != _ENDED:
        return {}
    cut_short = {} if record.contact_url else _links(dict(record.facts.fields))
    cut_short.pop("monitor_url", None)  # it has a notification of its own
    given_up: dict[str, str] = {}
    told: set[str] = set()
    for one in notifications:
        links = _links(one.fields)
        if one.state == _GIVEN_UP:
            given_up |= links
        else:
            told.update(links.values())
    return {name: url for name, url in (given_up | cut_short).items() if url not in told}


def _links(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: fields[name] for name in _LINKS if name in fields}
