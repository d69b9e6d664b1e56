"""Who changed what."""

from starlette.responses import Response

from onhook.console.visit import Visit
from onhook.store.audit import audit_entries

_A_PAGE = 50


async def show(visit: Visit) -> Response:
    """The newest entries, or those before one; narrowed by who it was and what was done."""
    before = visit.query.get("before", "")
    who, what = visit.query.get("who", "").strip()[:80], visit.query.get("what", "").strip()[:40]
    found = await audit_entries(
        visit.services.store,
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None,
        who=who,
        what=what,
        most=_A_PAGE + 1,
    )
    shown = found[:_A_PAGE]
    older = shown[-1].entry if len(found) > _A_PAGE else None
    return visit.render(
        "audit.html", entries=shown, older=older, is_newest=not before, who=who, what=what
    )
