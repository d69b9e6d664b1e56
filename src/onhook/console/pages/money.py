"""Accounts with their balances, the rate table, and the limits of the server."""

from starlette.responses import Response

from onhook.administration import accounts, rates
from onhook.administration.errors import NotPossible
from onhook.console.visit import Visit

_PATH = "/console/money"
_RATES_SHOWN = 100
_OF_ACCOUNTS = ("name", "currency", "prefix", "mobile_number", "email", "country", "time_zone")
_CHANGED = ("name", "mobile_number", "email", "country", "time_zone")


async def show(visit: Visit) -> Response:
    """Everything, and the forms."""
    return await _overview(visit)


async def show_account(visit: Visit) -> Response:
    """One account, its newest ledger entries, and the forms."""
    services = visit.services
    try:
        found = await accounts.details(services.store, _account(visit), services.currency)
    except NotPossible as error:
        return visit.redirect(_PATH, str(error), failed=True)
    return visit.render("account_money.html", one=found)


async def create_account(visit: Visit) -> Response:
    """One more account, which pays afterwards until it is credited."""
    services, form = visit.services, visit.form
    account_id = form.get("account", "").strip()
    given = {name: form[name].strip() for name in _OF_ACCOUNTS if form.get(name, "").strip()}
    try:
        await accounts.create(
            services.store,
            visit.note,
            account_id,
            currency=services.currency,
            trial="trial" in form,
            given=given,
        )
    except NotPossible as error:
        return await _overview(visit, str(error))
    return visit.redirect(f"{_PATH}/{account_id}", f"The account {account_id} is made.")


async def change_account(visit: Visit) -> Response:
    """What is known of it."""
    account_id, services, form = _account(visit), visit.services, visit.form
    given = {name: form[name].strip() for name in _CHANGED if form.get(name, "").strip()}
    try:
        await accounts.change(services.store, visit.note, account_id, services.currency, given)
    except NotPossible as error:
        return visit.redirect(f"{_PATH}/{account_id}", str(error), failed=True)
    return visit.redirect(f"{_PATH}/{account_id}", f"The account {account_id} is changed.")


async def credit(visit: Visit) -> Response:
    """More for an account; from the first time on it pays before it calls."""
    account_id, services, form = _account(visit), visit.services, visit.form
    try:
        found = await accounts.credit(
            services.store,
            visit.note,
            account_id,
            form.get("amount", "").strip(),
            services.currency,
            bonus="bonus" in form,
            note=form.get("note", "").strip(),
        )
    except NotPossible as error:
        return visit.redirect(f"{_PATH}/{account_id}", str(error), failed=True)
    said = f"{account_id} has {found['currency']} {found['balance']}."
    return visit.redirect(f"{_PATH}/{account_id}", said)


async def remove_account(visit: Visit) -> Response:
    """One that was never used."""
    account_id, services = _account(visit), visit.services
    try:
        await accounts.remove(services.store, visit.note, account_id, services.currency)
    except NotPossible as error:
        return visit.redirect(f"{_PATH}/{account_id}", str(error), failed=True)
    return visit.redirect(_PATH, f"The account {account_id} is removed.")


async def set_rate(visit: Visit) -> Response:
    """A row of the rate table, new or changed."""
    form = visit.form
    steps = (form.get("initial_s", "60").strip(), form.get("increment_s", "60").strip())
    try:
        made = await rates.put(
            visit.services.store,
            visit.note,
            form.get("direction", ""),
            form.get("prefix", "").strip() or "*",
            form.get("currency", "").strip(),
            form.get("per_minute", "").strip(),
            steps,
        )
    except NotPossible as error:
        return await _overview(visit, str(error))
    return visit.redirect(
        _PATH,
        f"A minute {made['direction']} {made['prefix']} costs "
        f"{made['currency']} {made['per_minute']}.",
    )


async def remove_rate(visit: Visit) -> Response:
    """The next shorter prefix holds then, or the default."""
    form = visit.form
    key = (form.get("direction", ""), form.get("prefix", ""), form.get("currency", ""))
    try:
        await rates.remove(visit.services.store, visit.note, *key)
    except NotPossible as error:
        return visit.redirect(_PATH, str(error), failed=True)
    return visit.redirect(_PATH, f"The rate {' '.join(key)} is removed.")


async def _overview(visit: Visit, failed: str = "") -> Response:
    services, only = visit.services, visit.query.get("prefix", "").strip().lstrip("+")[:15]
    rows = [
        one
        for one in await rates.listed(services.store)
        if not only or str(one["prefix"]).startswith(only)
    ]
    return visit.render(
        "money.html",
        422 if failed else 200,
        accounts=await accounts.listed(services.store, services.currency),
        rates=rows[:_RATES_SHOWN],
        rate_count=len(rows),
        only=only,
        currency=services.currency,
        limits=services.limits,
        failed=failed,
        given=visit.form,
    )


def _account(visit: Visit) -> str:
    return str(visit.request.path_params["account"])
