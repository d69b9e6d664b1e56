"""What the block in progress needs besides, as its record keeps it for a process after this one. Pure.

::

    message  the digests of its prompts; missing where there is none, or one that is kept nowhere
    callee   whom it is to be joined to: number, trunks (callees.kept_route), headers
    digits   what is dialled once that one has answered
    rate     what a minute costs then: currency, amount, first step, further ones
    room     the name of the room in which it has a seat; ``muted`` if it is
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from onhook.billing import Rate, exact
from onhook.calls.callees import Callee, Route
from onhook.calls.playing import digests_of
from onhook.calls.resources import Resources
from onhook.calls.speaking import NOTHING, PreparedMessage
from onhook.media.play_queue import Playable
from onhook.numbers import E164
from onhook.phone.trunk import ShownCaller, Trunk

Find = Callable[[str], Playable | None]
"""Opens a prompt by its digest; None if it is not there any more."""


def kept(resources: Resources) -> dict[str, object]:
    """In what JSON can hold."""
    said: dict[str, object] = {}
    digests = digests_of(resources.message.first)
    if digests and resources.message.rest is None:
        said["message"] = list(digests)
    if resources.callee is not None:
        said["callee"] = _kept_callee(resources.callee)
    if resources.digits:
        said["digits"] = resources.digits
    if resources.rate is not None:
        rate = resources.rate
        said["rate"] = [rate.currency, exact(rate.per_minute), rate.initial_s, rate.increment_s]
    if resources.seat is not None:
        said["room"] = resources.seat.name
        if resources.seat.muted:
            said["muted"] = True
    return said


def restored(found: Mapping[str, Any], find: Find, trunks: Mapping[str, Trunk]) -> Resources:
    """The reverse, but for the seat. Prompts that are not there any more are left out, all of them, and so
    are trunks. Raises ValueError, KeyError or TypeError for what was not written by :func:`kept`."""
    callee, rate = found.get("callee"), found.get("rate")
    return Resources(
        message=message_of(found.get("message", ()), find),
        callee=None if callee is None else _callee(callee, trunks),
        digits=str(found.get("digits", "")),
        rate=None if rate is None else _rate(*rate),
    )


def kept_route(route: Route) -> list[object]:
    """One trunk, and whom the callee sees."""
    return [route.name, route.caller.number, route.caller.private]


def route_of(found: Sequence[Any], trunks: Mapping[str, Trunk]) -> Route | None:
    """The reverse; None if the trunk is not there any more."""
    name, number, private = found
    if name not in trunks:
        return None
    return Route(name, trunks[name], ShownCaller(number, bool(private)))


def _kept_callee(callee: Callee) -> dict[str, object]:
    return {
        "number": callee.number,
        "routes": [kept_route(route) for route in callee.routes],
        "headers": [list(each) for each in callee.headers],
    }


def _callee(found: Mapping[str, Any], trunks: Mapping[str, Trunk]) -> Callee | None:
    routes = tuple(route for one in found["routes"] if (route := route_of(one, trunks)))
    headers = tuple((str(name), str(value)) for name, value in found["headers"])
    return Callee(E164(str(found["number"])), routes, headers) if routes else None


def _rate(currency: str, per_minute: str, initial_s: int, increment_s: int) -> Rate:
    return Rate(currency, Decimal(per_minute), initial_s, increment_s)


def message_of(digests: Sequence[str], find: Find) -> PreparedMessage:
    """The prompts of these digests; none, if one of them is not there any more."""
    prompts = [find(digest) for digest in digests]
    there = [prompt for prompt in prompts if prompt is not None]
    return PreparedMessage(there) if there and len(there) == len(prompts) else NOTHING
