"""Trunks: how they are, and all options of each but its password."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from onhook.administration import trunk_loading, trunks
from onhook.administration.errors import NotPossible
from onhook.administration.trunk_files import written_trunks
from onhook.administration.trunk_health import in_words, is_registered, is_up
from onhook.administration.trunk_options import OPTIONS
from onhook.administration.trunk_probe import probe_stored
from onhook.administration.trunk_shown import said, shown
from onhook.calls.story.finding import trunk_of
from onhook.console.visit import Visit
from onhook.store.audit import write_audit
from onhook.store.trunk_states import TrunkState, trunk_states
from onhook.store.trunks import all_trunks

_PATH = "/console/trunks"
_SOURCE = "form"
"""What the text that was written in is called, where a file would be named."""
_asking = asyncio.Lock()
_FIRST = ("proxy", "transport", "register", "username", "password", "prefix", "caller_id")
"""What most trunks are told; the rest is folded away."""


async def show(visit: Visit) -> Response:
    """All of them with their health and the calls that go by them, and the form for one more."""
    return await _list(visit)


async def show_one(visit: Visit) -> Response:
    """One, and the form of its options."""
    store, name = visit.services.store, _name(visit)
    try:
        record = await trunks.found(store, name)
    except NotPossible as error:
        return visit.redirect(_PATH, str(error), failed=True)
    states = {one.trunk: one for one in await trunk_states(store)}
    return visit.render(
        "trunk.html",
        name=name,
        health=_health(states.get(name), record.ping_s),
        calls=_calls_now(visit)[name],
        options=_fields(shown(record)),
        has_password=bool(record.password_encrypted),
        warning=trunks.warning(record),
    )


async def add(visit: Visit) -> Response:
    """One more trunk."""
    services, name = visit.services, visit.form.get("name", "").strip()
    given = {one: text for one, text in _given(visit).items() if text not in ("", False)}
    try:
        made = await trunks.add(services.store, services.keyring, visit.note, name, given)
    except NotPossible as error:
        return await _list(visit, str(error))
    return visit.redirect(f"{_PATH}/{name}", trunks.warning(made) or f"The trunk {name} is added.")


async def change(visit: Visit) -> Response:
    """Those options that are other ones now."""
    services, name = visit.services, _name(visit)
    try:
        before = _values(shown(await trunks.found(services.store, name)))
        given = {
            one: value
            for one, value in _given(visit).items()
            if (value if one == "password" else value != before[one])
        }
        if visit.form.get("no_password"):
            given["password"] = ""
        await trunks.change(services.store, services.keyring, visit.note, name, given)
    except NotPossible as error:
        return visit.redirect(f"{_PATH}/{name}", str(error), failed=True)
    return visit.redirect(f"{_PATH}/{name}", f"{name} is changed: {', '.join(given)}.")


async def test(visit: Visit) -> Response:
    """Asks it by OPTIONS whether it is there, from a port of its own, as the command does."""
    services, name = visit.services, _name(visit)
    if _asking.locked():
        return visit.redirect(
            f"{_PATH}/{name}", "Another trunk is being asked; try again in a moment.", failed=True
        )
    async with _asking:
        try:
            probed = await probe_stored(services.store, services.keyring, name)
        except NotPossible as error:
            return visit.redirect(_PATH, str(error), failed=True)
    await write_audit(services.store, visit.note("trunk test", name))
    return visit.redirect(f"{_PATH}/{name}", f"{name}: {probed.detail}", failed=not probed.ok)


async def load(visit: Visit) -> Response:
    """Trunks become what a text in TOML says, all of them or none."""
    services, text = visit.services, visit.form.get("toml", "").replace("\r\n", "\n")
    try:
        written = await asyncio.to_thread(written_trunks, text, _SOURCE)  # calls go on meanwhile
        made = await trunk_loading.load(
            services.store, services.keyring, visit.note, written, _SOURCE
        )
    except NotPossible as error:
        return await _list(visit, str(error))
    warnings = [said for one in made if (said := trunks.warning(one))]
    names = ", ".join(one.name for one in made)
    return visit.redirect(_PATH, " ".join([f"What was written is: {names}.", *warnings]))


async def remove(visit: Visit) -> Response:
    """Calls that go on through it are not touched."""
    name = _name(visit)
    try:
        await trunks.remove(visit.services.store, visit.note, name)
    except NotPossible as error:
        return visit.redirect(_PATH, str(error), failed=True)
    return visit.redirect(_PATH, f"The trunk {name} is removed.")


async def _list(visit: Visit, failed: str = "") -> Response:
    store = visit.services.store
    states = {one.trunk: one for one in await trunk_states(store)}
    found = [
        (shown(one), _health(states.get(one.name), one.ping_s)) for one in await all_trunks(store)
    ]
    fresh = {name: _default(option.default) for name, option in OPTIONS.items()}
    return visit.render(
        "trunks.html",
        422 if failed else 200,
        trunks=found,
        calls=_calls_now(visit),
        options=_fields({**fresh, **visit.form}),
        failed=failed,
        given=visit.form,
    )


def _calls_now(visit: Visit) -> Counter[str]:
    """How many calls of this server go by each trunk."""
    return Counter(map(trunk_of, visit.services.register.records()))


def _health(state: TrunkState | None, ping_s: int) -> Mapping[str, Any] | None:
    if state is None:
        return None
    now_ms = round(time.time() * 1000)
    up = is_up(state, now_ms, ping_s)
    return {
        "up": up,
        "word": in_words(up, state.failures, state.sip_code or None),
        "registered_until_ms": state.registered_until_ms if is_registered(state, now_ms) else None,
        "answered_ms": state.answered_ms,
        "round_trip_ms": None if state.round_trip_us is None else state.round_trip_us / 1000,
        "failures": state.failures,
        "hint": state.hint,
        "worker": state.worker,
    }


def _fields(values: Mapping[str, Any]) -> Mapping[str, list[Mapping[str, Any]]]:
    """What a form has for each option: those that most trunks are told, and the others."""
    texts = _values(values)
    made = [
        {
            "name": name,
            "label": name.replace("_", " "),
            "help": option.help,
            "kind": option.kind,
            "value": texts[name],
        }
        for name, option in OPTIONS.items()
    ]
    return {
        "first": [one for one in made if one["name"] in _FIRST],
        "others": [one for one in made if one["name"] not in _FIRST],
    }


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    """As a form has them: flags as they are, everything else as text; never a password."""
    found: dict[str, Any] = {}
    for name, option in OPTIONS.items():
        value = values[name]
        if option.kind == "flag":
            found[name] = bool(value)
        elif name == "password":
            found[name] = ""
        elif option.kind == "lines" and isinstance(value, list):
            found[name] = "\n".join(value)
        else:
            found[name] = said(value)
    return found


def _given(visit: Visit) -> dict[str, Any]:
    """What the form says: of a box that is not ticked it says nothing."""
    form = visit.form
    given: dict[str, Any] = {}
    for name, option in OPTIONS.items():
        if option.kind == "flag":
            given[name] = name in form
        elif name in form:
            text = form[name].replace("\r\n", "\n")
            given[name] = text.split("\n") if option.kind == "lines" and "\n" in text else text
    return given


def _default(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _name(visit: Visit) -> str:
    return str(visit.request.path_params["name"])
