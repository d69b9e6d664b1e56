"""Applications and their access tokens. A token is shown once, by the page that made it."""

from starlette.responses import Response

from onhook.administration import applications, tokens
from onhook.administration.errors import NotPossible
from onhook.console.visit import Visit

_PATH = "/console/applications"


async def show(visit: Visit) -> Response:
    """All of them, and the form for one more."""
    return await _list(visit)


async def show_one(visit: Visit) -> Response:
    """One, its tokens and its numbers."""
    app_id = _id(visit)
    try:
        found = await applications.shown(visit.services.store, app_id)
    except NotPossible as error:
        return visit.redirect(_PATH, str(error), failed=True)
    return visit.render("application.html", one=found, first=tokens.FIRST)


async def create(visit: Visit) -> Response:
    """One more application, whose secrets are shown now."""
    services, form = visit.services, visit.form
    name = form.get("name", "").strip()[:80]
    if not name:
        return await _list(visit, "Give it a name.")
    try:
        made = await applications.create(
            services.store,
            services.keyring,
            visit.note,
            name,
            form.get("account", "main"),
            form=_format(form.get("format", "")),
            detail=_detail(form.get("detail", "")),
            currency=services.currency,
        )
    except NotPossible as error:
        return await _list(visit, str(error))
    return visit.render(
        "token_once.html", heading=name, made=made, back=f"{_PATH}/{made['app_id']}"
    )


async def update(visit: Visit) -> Response:
    """Another name, or other notifications; a form that does not speak of ``detail`` leaves it as it is."""
    app_id, form = _id(visit), visit.form
    name = form.get("name", "").strip()[:80]
    detail = _detail(form["detail"]) if "detail" in form else None
    try:
        how = _format(form.get("format", ""))
        await applications.update(
            visit.services.store, visit.note, app_id, how, name or None, detail
        )
    except NotPossible as error:
        return visit.redirect(f"{_PATH}/{app_id}", str(error), failed=True)
    return visit.redirect(f"{_PATH}/{app_id}", f"The application {app_id} is changed.")


async def remove(visit: Visit) -> Response:
    """Its tokens open nothing any more."""
    app_id = _id(visit)
    try:
        await applications.remove(visit.services.store, visit.note, app_id)
    except NotPossible as error:
        return visit.redirect(f"{_PATH}/{app_id}", str(error), failed=True)
    return visit.redirect(_PATH, f"The application {app_id} is removed.")


async def add_token(visit: Visit) -> Response:
    """One more token, which is shown now."""
    app_id, name = _id(visit), visit.form.get("name", "").strip()
    try:
        made = await tokens.add(visit.services.store, visit.note, app_id, name)
    except NotPossible as error:
        return visit.redirect(f"{_PATH}/{app_id}", str(error), failed=True)
    return visit.render("token_once.html", heading=name, made=made, back=f"{_PATH}/{app_id}")


async def rotate_token(visit: Visit) -> Response:
    """Another in its place, which is shown now."""
    app_id, services = _id(visit), visit.services
    name, keep = visit.request.path_params["name"], visit.form.get("keep", "").strip() or None
    try:
        made = await tokens.rotate(services.store, services.keyring, visit.note, app_id, name, keep)
    except NotPossible as error:
        return visit.redirect(f"{_PATH}/{app_id}", str(error), failed=True)
    return visit.render("token_once.html", heading=name, made=made, back=f"{_PATH}/{app_id}")


async def revoke_token(visit: Visit) -> Response:
    """It opens nothing any more."""
    app_id, name = _id(visit), visit.request.path_params["name"]
    try:
        await tokens.revoke(visit.services.store, visit.note, app_id, name)
    except NotPossible as error:
        return visit.redirect(f"{_PATH}/{app_id}", str(error), failed=True)
    return visit.redirect(f"{_PATH}/{app_id}", f"The token {name} of {app_id} is revoked.")


async def _list(visit: Visit, failed: str = "") -> Response:
    store = visit.services.store
    accounts = [one.account_id for one in await store.money.accounts()]
    return visit.render(
        "applications.html",
        422 if failed else 200,
        applications=await applications.listed(store),
        accounts=accounts or ["main"],
        failed=failed,
        given=visit.form,
    )


def _id(visit: Visit) -> str:
    return str(visit.request.path_params["app_id"])


def _format(text: str) -> str:
    return "json" if text == "json" else "form"


def _detail(text: str) -> str:
    return "why" if text == "why" else "none"
