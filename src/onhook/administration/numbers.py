"""Numbers that can be called: whose they are, and where and how their calls are told; a running server takes
a change over within a second."""

import time

from onhook import numbers
from onhook.administration.errors import Note, NotPossible
from onhook.administration.tokens import known
from onhook.numbers import E164
from onhook.store import Keyring, Number, Store
from onhook.store.applications import all_applications
from onhook.store.numbers import all_numbers, change_number, remove_number
from onhook.urls import UrlRefused, parse

Shown = dict[str, object]


async def add(
    store: Store,
    keyring: Keyring,
    note: Note,
    number: str,
    app_id: str,
    forward_to: str,
    *,
    form: str = "",
    media: bool = False,
    detail: str = "",
) -> dict[str, str]:
    """Gives a number to an application; its calls are told in this ``form``, or in the application's, with
    the quality of their ``media`` or without, and with why they ended (``detail``: ``why``, ``none``, or as
    the application has it). Raises :class:`NotPossible`."""
    e164 = checked(number, forward_to)
    application = await store.application(app_id)
    if application is None or application.removed_ms is not None:
        raise NotPossible(f"There is no application {app_id}; see 'onhook app list'.")
    now_ms = round(time.time() * 1000)
    made = Number(e164, app_id, forward_to, now_ms, form, media, detail)
    said = note("number add", keyring.name_for(e164), f"application {app_id}")
    if not await store.add_number(made, said):
        found = await store.number(e164)
        owner = found.app_id if found is not None else "another application"
        raise NotPossible(
            f"The number {e164} is taken already, by application {owner}; choose another, or first "
            f"'onhook number remove {e164}'."
        )
    return {"number": e164, "app_id": app_id, "forward_to": forward_to}


async def listed(store: Store) -> list[Shown]:
    """Every number, in order, with its application and the URL that is told of its calls."""
    applications = await all_applications(store)
    names = {one.app_id: one.name for one in applications}
    formats = {one.app_id: one.format for one in applications}
    details = {one.app_id: one.detail for one in applications}
    return [
        {
            "number": one.number,
            "app_id": one.app_id,
            "application": names.get(one.app_id, ""),
            "forward_to": one.forward_to,
            "format": one.format or formats.get(one.app_id, "form"),
            "media": one.media,
            "detail": one.detail or details.get(one.app_id, "none"),
            "created_ms": one.created_ms,
        }
        for one in await all_numbers(store)
    ]


async def shown(store: Store, number: str) -> Shown:
    """A number as the list has it. Raises :class:`NotPossible`."""
    for one in await listed(store):
        if one["number"] == _known_as(number):
            return one
    raise _no_number(number)


async def change(
    store: Store,
    keyring: Keyring,
    note: Note,
    number: str,
    *,
    form: str | None = None,
    media: bool | None = None,
    forward_to: str | None = None,
    detail: str | None = None,
) -> None:
    """How (``form`` and ``detail``: empty is as its application has it) and where its calls are told from now
    on; None leaves it as it is. Raises :class:`NotPossible`."""
    named = _known_as(number)
    if forward_to is not None:
        check_forward_to(forward_to)
    asked = {"forward_to": forward_to, "format": form, "media": media, "detail": detail}
    changes = {column: value for column, value in asked.items() if value is not None}
    changed = [] if forward_to is None else ["forward-to"]
    changed += [] if form is None else [f"format {form or 'application'}"]
    changed += [] if media is None else [f"media {'yes' if media else 'no'}"]
    changed += [] if detail is None else [f"detail {detail or 'application'}"]
    noted = note("number set", keyring.name_for(named), ", ".join(changed))
    if changes and not await change_number(store, named, changes, noted):
        raise _no_number(number)


async def move(store: Store, keyring: Keyring, note: Note, number: str, app_id: str) -> None:
    """Calls to it are another application's from now on. Raises :class:`NotPossible`."""
    await known(store, app_id)
    named = _known_as(number)
    noted = note("number move", keyring.name_for(named), f"application {app_id}")
    if not await change_number(store, named, {"app_id": app_id}, noted):
        raise _no_number(number)


async def remove(store: Store, keyring: Keyring, note: Note, number: str) -> None:
    """Calls to it are refused from now on. Raises :class:`NotPossible`."""
    named = _known_as(number)
    if not await remove_number(store, named, note("number remove", keyring.name_for(named), "")):
        raise _no_number(number)


def checked(number: str, forward_to: str) -> E164:
    """The number in E.164. Raises :class:`NotPossible` where it, or the URL, cannot be one."""
    e164 = _e164(number)
    check_forward_to(forward_to)
    return e164


def check_forward_to(url: str) -> None:
    """Raises :class:`NotPossible` for what cannot be a URL of a number."""
    try:
        parse(url)
    except UrlRefused as error:
        raise NotPossible(f"--forward-to cannot be used: {error.detail}.") from error


def _known_as(number: str) -> str:
    return numbers.e164(number) or number


def _no_number(number: str) -> NotPossible:
    return NotPossible(f"There is no number {number[:40]!r}; see 'onhook number list'.")


def _e164(text: str) -> E164:
    number = numbers.e164(text) if numbers.says_country(text) else None
    if number is None:
        raise NotPossible(f"{text} is not a phone number in E.164, such as +6531234567.")
    if not numbers.is_possible(number):
        raise NotPossible(f"{text} has too many or too few digits for its country.")
    return numbers.in_plan(number)
