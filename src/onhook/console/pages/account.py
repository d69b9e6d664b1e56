"""What operators change of themselves: their password."""

import asyncio

from starlette.responses import Response

from onhook.administration import passwords
from onhook.console import sessions
from onhook.console.signing_in import Refused
from onhook.console.visit import Visit
from onhook.store.operators import change_operator


async def show(visit: Visit) -> Response:
    """Who is signed in, and the form."""
    return visit.render("account.html", failed="")


async def change_password(visit: Visit) -> Response:
    """Another password; every other session of theirs ends."""
    who, form = visit.who, visit.form
    try:
        if form.get("password", "") != form.get("again", ""):
            raise passwords.UnfitPassword("The two new passwords are not alike.")
        passwords.check(form.get("password", ""), who.name)
        await visit.desk.doorkeeper.check(who.name, form.get("old", ""), visit.connection.address)
    except (passwords.UnfitPassword, Refused) as error:
        return visit.render("account.html", 422, failed=str(error))
    stored = await asyncio.to_thread(passwords.stored, form["password"])
    kept = sessions.hash_of(who.token)
    await change_operator(
        visit.services.store,
        who.name,
        {"password": stored},
        keep=kept,
        noted=visit.note("operator change", who.name, "password"),
    )
    return visit.redirect("/console/account", "Your password is another one now.")
