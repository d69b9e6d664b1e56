"""Coming in, and going."""

import re
import secrets
from typing import Final

from starlette.responses import RedirectResponse, Response

from onhook.console import sessions
from onhook.console.signing_in import Refused
from onhook.console.visit import Visit
from onhook.store.noted import AuditEntry

HOME: Final = "/console/live"
_OURS: Final = re.compile(
    r"/console(?:/[A-Za-z0-9._~%/-]*)?(?:\?[A-Za-z0-9._~%/=&+:-]*)?", re.ASCII
)


async def show(visit: Visit) -> Response:
    """The form."""
    return _form(visit, next_page=visit.query.get("next", ""))


async def sign_in(visit: Visit) -> Response:
    """A name and a password. Whoever comes in gets a session that was not there before."""
    encrypted = visit.connection.encrypted
    to = _ours(visit.form.get("next", ""))
    before = sessions.token_before(visit.request, encrypted=encrypted)
    given = visit.form.get("form_token", "")
    if not before or not sessions.same(given, sessions.form_token(before)):
        return _form(visit, 403, "The form was too old. Try again.", next_page=to)
    name, password = visit.form.get("name", ""), visit.form.get("password", "")
    address = visit.connection.address
    try:
        known = await visit.desk.doorkeeper.check(name, password, address)
        noted = AuditEntry(known, "console", "sign in", known, address)
        token = await visit.desk.sessions.begin(known, noted)
        if token is None:
            raise Refused("That name and that password do not belong together.")
    except Refused as error:
        response = _form(visit, 429 if error.wait_s else 403, str(error), next_page=to)
        if error.wait_s:
            response.headers["Retry-After"] = str(error.wait_s)
        return response
    # Another session in this browser is over with this one.
    await visit.desk.sessions.end(sessions.token_in(visit.request, encrypted=encrypted))
    response = RedirectResponse(to or HOME, 303)
    sessions.take_before(response, encrypted=encrypted)
    sessions.give(response, token, encrypted=encrypted)
    return response


async def sign_out(visit: Visit) -> Response:
    """The session is over, here and in the browser."""
    await visit.desk.sessions.end(visit.who.token, visit.note("sign out", visit.who.name))
    response = RedirectResponse("/console/sign-in", 303)
    sessions.take(response, encrypted=visit.connection.encrypted)
    return response


def _form(visit: Visit, status: int = 200, failed: str = "", *, next_page: str = "") -> Response:
    before = secrets.token_urlsafe(24)
    response = visit.render(
        "sign_in.html",
        status,
        failed=failed,
        next_page=_ours(next_page),
        before=sessions.form_token(before),
    )
    sessions.give_before(response, before, encrypted=visit.connection.encrypted)
    return response


def _ours(path: str) -> str:
    """A page of ours to go on to; empty for anything else."""
    is_ours = _OURS.fullmatch(path) and not path.startswith("/console/sign-")
    return path if is_ours else ""
