"""Numbers: whose they are, and where their calls are told."""

from urllib.parse import quote

from starlette.responses import Response

from onhook.administration import applications, numbers
from onhook.administration.errors import NotPossible
from onhook.console.visit import Visit

_PATH = "/console/numbers"
_A_PAGE = 100
_FORMATS = {"application": "", "form": "form", "json": "json"}
_DETAILS = {"application": "", "none": "none", "why": "why"}


async def show(visit: Visit) -> Response:
    """Those that begin as asked for, and the form for one more."""
    return await _list(visit)


async def show_one(visit: Visit) -> Response:
    """One, and what can be changed of it."""
    store = visit.services.store
    try:
        found = await numbers.shown(store, _number(visit))
    except NotPossible as error:
        return visit.redirect(_PATH, str(error), failed=True)
    kept = await store.number(str(found["number"]))
    if kept is None:
        return visit.redirect(_PATH, f"The number {found['number']} is gone.", failed=True)
    owners = await applications.listed(store)
    return visit.render("number.html", one=found, own=kept, applications=owners)


async def add(visit: Visit) -> Response:
    """One more number of an application."""
    services, form = visit.services, visit.form
    try:
        made = await numbers.add(
            services.store,
            services.keyring,
            visit.note,
            form.get("number", "").strip(),
            form.get("app_id", ""),
            form.get("forward_to", "").strip(),
            form=_FORMATS.get(form.get("format", ""), ""),
            media="media" in form,
            detail=_DETAILS.get(form.get("detail", ""), ""),
        )
    except NotPossible as error:
        return await _list(visit, str(error))
    return visit.redirect(_PATH, f"Calls to {made['number']} are told to {made['forward_to']}.")


async def change(visit: Visit) -> Response:
    """Where and how its calls are told."""
    services, form, number = visit.services, visit.form, _number(visit)
    try:
        await numbers.change(
            services.store,
            services.keyring,
            visit.note,
            number,
            form=_FORMATS.get(form.get("format", ""), ""),
            media="media" in form,
            forward_to=form.get("forward_to", "").strip(),
            detail=_DETAILS.get(form["detail"]) if "detail" in form else None,
        )
    except NotPossible as error:
        return visit.redirect(_of(number), str(error), failed=True)
    return visit.redirect(_of(number), f"The number {number} is changed.")


async def move(visit: Visit) -> Response:
    """It is another application's from now on."""
    services, number, app_id = visit.services, _number(visit), visit.form.get("app_id", "")
    try:
        await numbers.move(services.store, services.keyring, visit.note, number, app_id)
    except NotPossible as error:
        return visit.redirect(_of(number), str(error), failed=True)
    said = f"{number} rings for application {app_id} from now on."
    return visit.redirect(_of(number), said)


async def remove(visit: Visit) -> Response:
    """Calls to it are refused from now on."""
    services, number = visit.services, _number(visit)
    try:
        await numbers.remove(services.store, services.keyring, visit.note, number)
    except NotPossible as error:
        return visit.redirect(_PATH, str(error), failed=True)
    return visit.redirect(_PATH, f"The number {number} is removed.")


async def _list(visit: Visit, failed: str = "") -> Response:
    store, only = visit.services.store, visit.query.get("only", "").strip()[:20]
    found = await numbers.listed(store)
    fitting = [one for one in found if only in str(one["number"])]
    page = max(1, int(visit.query.get("page", "1")[:6])) if _is_count(visit) else 1
    begin = (page - 1) * _A_PAGE
    return visit.render(
        "numbers.html",
        422 if failed else 200,
        numbers=fitting[begin : begin + _A_PAGE],
        count=len(fitting),
        page=page,
        more=len(fitting) > begin + _A_PAGE,
        only=only,
        applications=await applications.listed(store),
        failed=failed,
        given=visit.form,
    )


def _is_count(visit: Visit) -> bool:
    text = visit.query.get("page", "")
    return text.isascii() and text.isdigit()


def _number(visit: Visit) -> str:
    return str(visit.request.path_params["number"])


def _of(number: str) -> str:
    return f"{_PATH}/{quote(number, safe='')}"
