"""Finding a call: by number, time, outcome and trunk, in the words of `onhook calls find` and `list`."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from onhook.calls.story import finding, moments
from onhook.calls.story.finding import BadSearch
from onhook.console.visit import Visit
from onhook.store import CallRecord
from onhook.store.applications import all_applications
from onhook.store.reports import Wanted, calls_during, find_calls
from onhook.store.trunks import all_trunks

ON_A_PAGE: Final = 50
_PAGES: Final = 40
"""What is further back is found by a narrower search."""
_FIELDS: Final = ("number", "at", "until", "zone", "outcome", "trunk", "app")


@dataclass(frozen=True, slots=True)
class _Found:
    """A page of calls, and what is said of it."""

    calls: Sequence[CallRecord]
    more: bool
    near: str = ""
    """Of a search by time: which day's calls these are."""


async def show(visit: Visit) -> Response:
    """The form, and what it finds; without a word in it the newest calls."""
    asked = {name: visit.query.get(name, "").strip()[:100] for name in _FIELDS}
    page = _page(visit.query.get("page", ""))
    failed, found = "", _Found((), more=False)
    try:
        found = await _find(visit, asked, page)
    except ValueError as error:
        failed = str(error)
    store = visit.services.store
    return visit.render(
        "calls.html",
        422 if failed else 200,
        asked=asked,
        failed=failed,
        calls=found.calls,
        near=found.near,
        page=page,
        earlier=_address(asked, page + 1) if found.more and page < _PAGES else "",
        later=_address(asked, page - 1) if page > 1 else "",
        outcomes=finding.OUTCOMES,
        trunks=[one.name for one in await all_trunks(store)],
        applications={one.app_id: one.name for one in await all_applications(store)},
        trunk_of=finding.trunk_of,
    )


async def _find(visit: Visit, asked: Mapping[str, str], page: int) -> _Found:
    """Raises ValueError with a sentence for a person."""
    now_ms = round(time.time() * 1000)
    zone = moments.zone_named(asked["zone"] or "UTC")
    if asked["outcome"] and asked["outcome"] not in finding.OUTCOMES:
        raise BadSearch(f"{asked['outcome'][:40]!r} is no outcome of calls.")
    wanted = Wanted(
        number=finding.number_wanted(asked["number"]) if asked["number"] else None,
        until_ms=moments.since_ms(asked["until"], now_ms, zone) if asked["until"] else None,
        outcome=asked["outcome"] or None,
        trunk=asked["trunk"] or None,
        app_id=asked["app"] or None,
        limit=page * ON_A_PAGE + 1,
    )
    store, first = visit.services.store, (page - 1) * ON_A_PAGE
    if not asked["at"]:
        found = list(await find_calls(store, wanted))
        return _Found(found[first : first + ON_A_PAGE], len(found) > first + ON_A_PAGE)
    moment = moments.around(asked["at"], now_ms, zone)
    until_ms = min(moment.day_over_ms, wanted.until_ms or moment.day_over_ms)
    of_the_day = replace(wanted, limit=finding.OF_A_DAY)
    day = await calls_during(store, of_the_day, moment.day_ms, until_ms)
    nearest = sorted(day, key=lambda call: abs(finding.away_ms(call, moment)))
    near = moments.day_of(moment.from_ms, zone)
    return _Found(nearest[first : first + ON_A_PAGE], len(nearest) > first + ON_A_PAGE, near)


def _page(text: str) -> int:
    return min(max(1, int(text)), _PAGES) if text.isdecimal() and len(text) < 6 else 1


def _address(asked: Mapping[str, str], page: int) -> str:
    said = {name: value for name, value in asked.items() if value}
    return f"/console/calls?{urlencode(said | {'page': str(page)})}"
