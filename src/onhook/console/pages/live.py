"""The calls that go on, as they move; and how the server is, for the top of every page."""

from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from onhook.console.visit import Visit

_SHOWN = 100
"""Without scripts; with them all are shown."""
STORY = "/console/calls/{session}"


async def begin(visit: Visit) -> Response:
    """The first page."""
    return RedirectResponse("/console/live", 303)


async def show(visit: Visit) -> Response:
    """The table as it is now, which a script keeps up to date."""
    rows, total = await visit.desk.feed.rows()
    return visit.render(
        "live.html", rows=rows[:_SHOWN], total=total, has_story=visit.leads_to(STORY)
    )


async def stream(visit: Visit) -> Response:
    """What changes of it, as server-sent events."""
    feed, token = visit.desk.feed, visit.who.token
    if feed.full:
        return PlainTextResponse("Too many look already.\n", 503, {"Retry-After": "30"})

    async def may_look() -> bool:
        return await visit.desk.sessions.find(token, counts=False) is not None

    return StreamingResponse(
        feed.stream(may_look),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},  # proxies would collect it
    )


async def state(visit: Visit) -> Response:
    """How the server is."""
    services = visit.services
    found = await services.state()
    live = sum(services.register.counts().values())
    return visit.render("state.html", state=found, live=live)
