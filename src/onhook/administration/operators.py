"""Operators of the console; a running server takes a change over at the next request."""

import asyncio
import re
import time

from onhook.administration import passwords
from onhook.administration.errors import Note, NotPossible
from onhook.store import Store
from onhook.store import operators as kept
from onhook.store.operators import LastOfRole, Operator

ADMINISTER = "administer"
"""The role that somebody has to have where others are to be let in."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}", re.ASCII)

Shown = dict[str, object]


async def add(store: Store, note: Note, name: str, role: str, password: str) -> Shown:
    """One more operator. Raises :class:`NotPossible`."""
    check_name(name)
    _check_password(password, name)
    stored = await asyncio.to_thread(passwords.stored, password)
    made = Operator(name, role, stored, round(time.time() * 1000))
    if not await kept.add_operator(store, made, note("operator add", name, f"role {role}")):
        raise NotPossible(
            f"There is an operator {name} already; 'onhook operator change' gives another role or "
            "password."
        )
    return _shown(made)


async def listed(store: Store) -> list[Shown]:
    """Every operator, by name."""
    return [_shown(one) for one in await kept.operators(store)]


async def change(
    store: Store,
    note: Note,
    name: str,
    role: str | None,
    password: str | None = None,
    *,
    unlock: bool = False,
    somebody: str = "",
) -> None:
    """Another role or password; every session of theirs ends. Or ``unlock``: failed sign-ins are forgotten,
    as they are with another password. Refused where nobody would have the role ``somebody`` any more. Raises
    :class:`NotPossible`."""
    changes = {} if role is None else {"role": role}
    if password is not None:
        _check_password(password, name)
        changes["password"] = await asyncio.to_thread(passwords.stored, password)
    said = [f"role {role}"] if role else []
    said += ["password"] if password is not None else []
    said += ["unlocked"] if unlock else []
    try:
        changed = await kept.change_operator(
            store,
            name,
            changes,
            unlock=unlock or password is not None,
            somebody=somebody,
            noted=note("operator change", name, ", ".join(said)),
        )
    except LastOfRole:
        raise _last(name) from None
    if not changed:
        raise _none(name)


async def remove(store: Store, note: Note, name: str, *, somebody: str = "") -> None:
    """They may do nothing any more. Refused where nobody would have the role ``somebody`` any more. Raises
    :class:`NotPossible`."""
    noted = note("operator remove", name, "")
    try:
        if not await kept.remove_operator(store, name, somebody=somebody, noted=noted):
            raise _none(name)
    except LastOfRole:
        raise _last(name) from None


def check_name(name: str) -> None:
    """Raises :class:`NotPossible` for what cannot be the name of an operator."""
    if not _NAME.fullmatch(name):
        raise NotPossible(
            f"{name[:40]!r} cannot be the name of an operator: up to 40 small letters, digits, '.', '_' and "
            "'-'."
        )


def _check_password(password: str, name: str) -> None:
    try:
        passwords.check(password, name)
    except passwords.UnfitPassword as error:
        raise NotPossible(str(error)) from error


def _shown(one: Operator) -> Shown:
    return {
        "name": one.name,
        "role": one.role,
        "created_ms": one.created_ms,
        "seen_ms": one.seen_ms,
    }


def _last(name: str) -> NotPossible:
    return NotPossible(
        f"{name} is the last operator who may administer: first give another one that role, or use "
        "'onhook operator' on the server."
    )


def _none(name: str) -> NotPossible:
    return NotPossible(f"There is no operator {name[:40]!r}; see 'onhook operator list'.")
