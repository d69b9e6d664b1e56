"""People who may use the console, and the sessions in which they do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from onhook.store import schema
from onhook.store.failed_sign_ins import of_name
from onhook.store.noted import AuditEntry, Conflict, change_noted

if TYPE_CHECKING:
    from onhook.store.sql import Store


@dataclass(frozen=True, slots=True)
class Operator:
    """A person: what may be done, and how to know them."""

    name: str
    role: str
    password: str
    """What :mod:`onhook.administration.passwords` made of it."""
    created_ms: int
    seen_ms: int | None = None
    """When they last signed in."""


class LastOfRole(Exception):
    """Nobody would have a role any more that somebody has to have; nothing was changed."""


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """Somebody who has signed in; the browser has the token of this hash."""

    token_hash: str
    operator: str
    created_ms: int
    used_ms: int


async def operators(store: "Store") -> Sequence[Operator]:
    """All of them, by name. Raises StoreError."""
    table = schema.operators
    return await store.records(Operator, select(table).order_by(table.c.name))


async def operator_named(store: "Store", name: str) -> Operator | None:
    """The operator of this name. Raises StoreError."""
    table = schema.operators
    found = await store.records(Operator, select(table).where(table.c.name == name))
    return found[0] if found else None


async def is_any(store: "Store") -> bool:
    """Whether there is an operator. Raises StoreError."""
    return bool(await store.records(Operator, select(schema.operators).limit(1)))


async def add_operator(store: "Store", operator: Operator, noted: AuditEntry | None = None) -> bool:
    """One more; False if there is one of this name. Raises StoreError."""
    return await _changed(
        store,
        lambda connection: connection.execute(insert(schema.operators), asdict(operator)),
        noted,
    )


async def change_operator(
    store: "Store",
    name: str,
    changes: Mapping[str, str],
    *,
    keep: str = "",
    unlock: bool = False,
    somebody: str = "",
    noted: AuditEntry | None = None,
) -> bool:
    """Another role or password: every session of theirs ends but that with the token hash ``keep``. With
    ``unlock`` nothing is known against the name any more.

    False if there is no such operator. Raises StoreError, and :class:`LastOfRole` where nobody would have
    the role ``somebody`` then.
    """
    table, sessions = schema.operators, schema.console_sessions

    def work(connection: Connection) -> object:
        if unlock:
            failed = schema.failed_sign_ins
            connection.execute(delete(failed).where(failed.c.subject == of_name(name)))
        if changes:
            if changes.get("role", somebody) != somebody:
                _check_others(connection, name, somebody)
            theirs = (sessions.c.operator == name) & (sessions.c.token_hash != keep)
            connection.execute(delete(sessions).where(theirs))
        mine = update(table).where(table.c.name == name)
        return connection.execute(mine.values(**changes or {"name": name}))

    return await _changed(store, work, noted)


async def remove_operator(
    store: "Store", name: str, *, somebody: str = "", noted: AuditEntry | None = None
) -> bool:
    """They may do nothing any more, and every session of theirs ends. Raises StoreError, and
    :class:`LastOfRole` where nobody would have the role ``somebody`` then."""
    table, sessions = schema.operators, schema.console_sessions

    def work(connection: Connection) -> object:
        _check_others(connection, name, somebody)
        connection.execute(delete(sessions).where(sessions.c.operator == name))
        return connection.execute(delete(table).where(table.c.name == name))

    return await _changed(store, work, noted)


def _check_others(connection: Connection, name: str, role: str) -> None:
    """Raises :class:`LastOfRole` if it is theirs and nobody else's; of two at once the second waits."""
    table = schema.operators
    of_role = select(table.c.name).where(table.c.role == role).order_by(table.c.name)
    if [one.name for one in connection.execute(of_role.with_for_update())] == [name]:
        raise LastOfRole(role)


async def begin_session(
    store: "Store", session: ConsoleSession, over_ms: int, noted: AuditEntry | None = None
) -> bool:
    """Somebody has signed in; forgets sessions that were not used since ``over_ms``. False if the operator
    was removed meanwhile. Raises StoreError."""
    table, people = schema.console_sessions, schema.operators

    def work(connection: Connection) -> object:
        connection.execute(delete(table).where(table.c.used_ms < over_ms))
        connection.execute(insert(table), asdict(session))
        seen = update(people).where(people.c.name == session.operator)
        return connection.execute(seen.values(seen_ms=session.created_ms))

    return await _changed(store, work, noted)


async def session_of(store: "Store", token_hash: str) -> tuple[ConsoleSession, Operator] | None:
    """The session whose token has this SHA-256, however old, and whose it is. Raises StoreError."""
    table = schema.console_sessions
    found = await store.records(
        ConsoleSession, select(table).where(table.c.token_hash == token_hash)
    )
    owner = await operator_named(store, found[0].operator) if found else None
    return None if owner is None else (found[0], owner)


async def note_use(store: "Store", token_hash: str, at_ms: int) -> None:
    """The session was used. Raises StoreError."""
    table = schema.console_sessions
    mine = update(table).where(table.c.token_hash == token_hash)
    await store.change(mine.values(used_ms=at_ms))


async def end_session(store: "Store", token_hash: str, noted: AuditEntry | None = None) -> None:
    """Nobody is known by this token any more. Raises StoreError."""
    table = schema.console_sessions
    await store.change(delete(table).where(table.c.token_hash == token_hash), noted)


async def _changed(
    store: "Store", work: Callable[[Connection], object], noted: AuditEntry | None
) -> bool:
    """Whether there was something to change, by the last statement."""
    try:
        return await change_noted(store.database, lambda one: _rows(work(one)), noted)
    except Conflict:
        return False


def _rows(result: object) -> int:
    return int(getattr(result, "rowcount", 0))
