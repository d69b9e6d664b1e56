"""The story of a call: why it ended, all that passed, what it sounded like, its bill; what can be done."""

import asyncio
import re
import time
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import structlog
from starlette.responses import PlainTextResponse, Response

from onhook.blocks import Refused
from onhook.blocks.call import HangUpCallRequest
from onhook.calls import clock
from onhook.calls.media_words import in_words
from onhook.calls.recordings.store import PATH, FinishedRecording
from onhook.calls.story.steps import brief
from onhook.calls.story.story import Story, story_of
from onhook.console.drawings.audio_chart import audio_chart
from onhook.console.drawings.ladder import ladder
from onhook.console.drawings.waveform import Waveforms
from onhook.console.visit import Visit
from onhook.store import CallRecord
from onhook.store.applications import all_applications
from onhook.store.audit import write_audit
from onhook.store.reports import NotificationReport, ask_for_replay

log = structlog.get_logger()

_SETTLES_MS: Final = 30_000
"""What is still to be said of a call that is over comes within this, mostly."""
_RECORDING: Final = re.compile(rf"{re.escape(PATH)}/([A-Za-z0-9_-]{{32}})\.mp3")
_REPLAYABLE: Final = ("delivered", "given_up", "replay")
_waveforms = Waveforms()


async def show(visit: Visit) -> Response:
    """The page."""
    return await _render(visit, "story.html")


async def part(visit: Visit) -> Response:
    """What of it may change, if it is another than the page has (``seen``)."""
    return await _render(visit, "story_part.html", seen=visit.query.get("seen", ""))


async def hang_up(visit: Visit) -> Response:
    """Hangs the call up at once, as its application could; that is told of the end as ever."""
    key = _session(visit)
    call = visit.services.register.of_session(key)
    where = f"/console/calls/{key}"
    if call is None:
        return visit.redirect(
            where, "This call does not go on here any more: it is over, or another worker's.",
            failed=True,
        )  # fmt: skip
    request = HangUpCallRequest(txn_ref=call.record.txn_ref, operator=f"console {visit.who.name}")
    try:
        await call.requests.run(request, clock.now_s())
    except Refused as refused:
        return visit.redirect(where, f"It cannot be hung up: {refused.detail}", failed=True)
    await write_audit(visit.services.store, visit.note("call hangup", key))
    return visit.redirect(where, "The call is hung up.")


async def replay(visit: Visit) -> Response:
    """Sends a notification of the call once more, under the same id."""
    key, which = _session(visit), str(visit.request.path_params["notification"])
    store = visit.services.store
    story = await story_of(store, visit.services.data, key)
    mine = story.report.notifications if story is not None else ()
    known = any(one.notification.notification_id == which for one in mine)
    where = f"/console/calls/{key}#told"
    noted = visit.note("notification replay", which, key)
    if not known or not await ask_for_replay(store, which, round(time.time() * 1000), noted):
        said = "There is no such notification of this call that was delivered or given up."
        return visit.redirect(where, said, failed=True)
    return visit.redirect(where, "The notification goes out once more.")


async def waveform(visit: Visit) -> Response:
    """How loud a recording is from its begin to its end, as a drawing."""
    found = await visit.services.recordings.find(str(visit.request.path_params["name"]))
    if not isinstance(found, FinishedRecording):
        return PlainTextResponse("There is no such recording.\n", 404)
    drawing = await _waveforms.of(found.path)
    if drawing is None:
        return PlainTextResponse("This recording cannot be drawn.\n", 404)
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(drawing, media_type="image/svg+xml", headers=headers)


async def _render(visit: Visit, template: str, seen: str | None = None) -> Response:
    key = _session(visit)
    story = await story_of(visit.services.store, visit.services.data, key)
    if story is None:
        return visit.render("no_call.html", 404, key=key)
    if key != story.report.call.session:
        return visit.redirect(f"/console/calls/{story.report.call.session}")
    mark = _mark(story)
    moves = _may_change(story)
    if seen == mark and moves:
        return Response(status_code=204)
    call = story.report.call
    return visit.render(
        template,
        story=story,
        call=call,
        over=call.ended_ms is not None,
        here=visit.services.register.of_session(call.session) is not None,
        mark=mark,
        moves=moves,
        ladder=ladder(story.steps),
        brief=brief,
        charts=await asyncio.to_thread(_charts, story),
        figures=_figures(call),
        application=await _name_of(visit, call.app_id),
        recordings=_recordings(story.report.notifications),
        replayable=_REPLAYABLE,
    )


async def _name_of(visit: Visit, app_id: str) -> str:
    """The id, of one that is not there any more."""
    names = {one.app_id: one.name for one in await all_applications(visit.services.store)}
    return names.get(app_id, app_id)


def _figures(call: CallRecord) -> list[tuple[str, Sequence[tuple[str, str]]]]:
    """What the audio of each leg was like in all."""
    legs = (
        ("Its own phone", call.facts.media, "phone"),
        ("The other phone", call.facts.peer_media, "peer"),
    )
    return [(title, in_words(media, whose)) for title, media, whose in legs if media]


def _charts(story: Story) -> list[tuple[str, object]]:
    """A drawing of each leg."""
    legs = dict.fromkeys(one.leg for one in story.audio)
    return [(leg, audio_chart([one for one in story.audio if one.leg == leg])) for leg in legs]


def _recordings(told: Sequence[NotificationReport]) -> list[str]:
    """The names of those that its application was told of."""
    texts = [
        text
        for one in told
        for name, text in one.notification.fields.items()
        if name in ("record_url", "monitor_url")
    ]
    names = [found[1] for text in texts if (found := _RECORDING.search(text))]
    return list(dict.fromkeys(names))


def _may_change(story: Story) -> bool:
    """While it goes on, and for as long as something of its end is still to be written or told."""
    ended_ms = story.report.call.ended_ms
    return ended_ms is None or time.time() * 1000 - ended_ms < _SETTLES_MS


def _mark(story: Story) -> str:
    """Another one whenever something of it is another."""
    call = story.report.call
    told = [(len(one.attempts), one.notification.state) for one in story.report.notifications]
    refused = [one.times for one in story.report.refused]
    last = story.steps[-1].at_us if story.steps else 0
    said = (call.state, call.ended_ms, call.debit, told, refused, len(story.steps), last,
            len(story.audio), _may_change(story))  # fmt: skip
    return blake2b(repr(said).encode(), digest_size=8).hexdigest()


def _session(visit: Visit) -> str:
    return str(visit.request.path_params["session"])[:64]
