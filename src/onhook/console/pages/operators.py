"""Who may use the console; there is always somebody left who may administer."""

from starlette.responses import Response

from onhook.administration import operators
from onhook.administration.errors import NotPossible
from onhook.administration.operators import ADMINISTER
from onhook.console.roles import Role
from onhook.console.visit import Visit

_PATH = "/console/operators"


async def show(visit: Visit) -> Response:
    """All of them, and the form for one more."""
    return await _list(visit)


async def show_one(visit: Visit) -> Response:
    """One, and what can be changed of them."""
    name = _name(visit)
    for one in await operators.listed(visit.services.store):
        if one["name"] == name:
            return visit.render(
                "operator.html", one=one, roles=list(Role), is_self=name == visit.who.name
            )
    return visit.redirect(_PATH, f"There is no operator {name[:40]!r}.", failed=True)


async def add(visit: Visit) -> Response:
    """One more."""
    form = visit.form
    name = form.get("name", "").strip()
    try:
        role = _role(form.get("role", ""))
        _check_alike(visit)
        await operators.add(visit.services.store, visit.note, name, role, form.get("password", ""))
    except NotPossible as error:
        return await _list(visit, str(error))
    return visit.redirect(_PATH, f"{name} may {role} on the console.")


async def change(visit: Visit) -> Response:
    """Another role; every session of theirs ends."""
    name = _name(visit)
    try:
        role = _role(visit.form.get("role", ""))
        await operators.change(visit.services.store, visit.note, name, role, somebody=ADMINISTER)
    except NotPossible as error:
        return visit.redirect(_of(name), str(error), failed=True)
    return visit.redirect(_of(name), f"{name} may {role} from now on.")


async def change_password(visit: Visit) -> Response:
    """Another password, for somebody who has forgotten theirs; every session of theirs ends. Not one's own,
    which takes the one that one has."""
    name = _name(visit)
    if name == visit.who.name:
        said = "Here you change your own, with the password that you have."
        return visit.redirect("/console/account", said, failed=True)
    try:
        _check_alike(visit)
        password = visit.form.get("password", "")
        await operators.change(visit.services.store, visit.note, name, None, password)
    except NotPossible as error:
        return visit.redirect(_of(name), str(error), failed=True)
    return visit.redirect(_of(name), f"{name} has another password.")


async def unlock(visit: Visit) -> Response:
    """Failed sign-ins are forgotten, for which they would have to wait."""
    name = _name(visit)
    try:
        await operators.change(visit.services.store, visit.note, name, None, unlock=True)
    except NotPossible as error:
        return visit.redirect(_of(name), str(error), failed=True)
    return visit.redirect(_of(name), f"{name} may try to sign in again.")


async def remove(visit: Visit) -> Response:
    """They may do nothing any more; the audit keeps what they did."""
    name = _name(visit)
    try:
        await operators.remove(visit.services.store, visit.note, name, somebody=ADMINISTER)
    except NotPossible as error:
        return visit.redirect(_of(name), str(error), failed=True)
    return visit.redirect(_PATH, f"The operator {name} is removed.")


async def _list(visit: Visit, failed: str = "") -> Response:
    return visit.render(
        "operators.html",
        422 if failed else 200,
        operators=await operators.listed(visit.services.store),
        roles=list(Role),
        failed=failed,
        given=visit.form,
    )


def _role(text: str) -> str:
    """Raises :class:`NotPossible`."""
    if text not in list(Role):
        raise NotPossible(f"{text[:40]!r} is no role: there are {', '.join(Role)}.")
    return text


def _check_alike(visit: Visit) -> None:
    """Raises :class:`NotPossible`."""
    if visit.form.get("password", "") != visit.form.get("again", ""):
        raise NotPossible("The two passwords are not alike.")


def _name(visit: Visit) -> str:
    return str(visit.request.path_params["operator"])


def _of(name: str) -> str:
    return f"{_PATH}/{name}"
