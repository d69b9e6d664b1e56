"""Access tokens of applications, several each, by names; a running server takes a change over within a
second."""

import re
import time
from dataclasses import replace

from onhook.administration.errors import Note, NotPossible
from onhook.store import Application, Keyring, Store, Token
from onhook.store.keyring import new_credential, token_hash
from onhook.store.tokens import (
    add_token,
    replace_first,
    replace_token,
    revoke_token,
    tokens_of,
)

FIRST = "main"
"""The name of the token that an application has from the first; it keys a signature, and is never revoked."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)

Shown = dict[str, object]


async def shown_tokens(store: Store, application: Application) -> list[Shown]:
    """Every token of an application, without what it is."""
    first_ms = application.token_ms or application.created_ms
    first: Shown = {"name": FIRST, "signs": True, "created_ms": first_ms}
    return [
        first,
        *(
            {"name": one.name, "signs": False, "created_ms": one.created_ms}
            for one in await tokens_of(store, application.app_id)
        ),
    ]


async def add(store: Store, note: Note, app_id: str, name: str) -> dict[str, str]:
    """One more token, which opens what the first one does; it is told only now."""
    if not _NAME.fullmatch(name) or name == FIRST:
        raise NotPossible(
            f"{name[:40]!r} cannot be the name of a token: up to 40 letters, digits, '.', '_' and '-', and "
            f"not {FIRST!r}."
        )
    await known(store, app_id)
    token, made = _new(app_id, name)
    if not await add_token(store, made, note("app token add", app_id, f"token {name}")):
        raise NotPossible(
            f"The application {app_id} has a token {name} already; see 'onhook app token list'."
        )
    return {"app_id": app_id, "name": name, "access_token": token}


async def rotate(
    store: Store,
    keyring: Keyring,
    note: Note,
    app_id: str,
    name: str = FIRST,
    keep: str | None = None,
) -> dict[str, str]:
    """Another token in the place of one. The old one opens nothing any more; or, of the first, is kept as
    ``keep``. Raises :class:`NotPossible`."""
    if name != FIRST:
        return await _rotate_further(store, note, app_id, name, keep)
    if keep is not None and (not _NAME.fullmatch(keep) or keep == FIRST):
        raise NotPossible(f"--keep {keep[:40]!r} cannot be the name of a token.")
    token, now_ms = new_credential(), _now_ms()
    application = await known(store, app_id)
    kept = keep and Token(app_id, keep, application.token_hash, now_ms)
    another = replace(
        application,
        token_hash=token_hash(token),
        token_encrypted=keyring.encrypt(token),
        token_ms=now_ms,
    )
    said = note("app rotate", app_id, f"the old one kept as {keep}" if keep else "")
    if not await replace_first(store, another, kept or None, said):
        raise NotPossible(
            f"The application {app_id} has a token {keep} already; see 'onhook app token list'."
        )
    return {"app_id": app_id, "name": FIRST, "access_token": token}


async def _rotate_further(
    store: Store, note: Note, app_id: str, name: str, keep: str | None
) -> dict[str, str]:
    if keep is not None:
        raise NotPossible(
            f"--keep is for {FIRST!r}: of others add a new one, and revoke the old one later."
        )
    await known(store, app_id)
    token, made = _new(app_id, name)
    if not await replace_token(store, made, note("app token rotate", app_id, f"token {name}")):
        raise _none(app_id, name)
    return {"app_id": app_id, "name": name, "access_token": token}


async def revoke(store: Store, note: Note, app_id: str, name: str) -> None:
    """It opens nothing any more. Raises :class:`NotPossible`."""
    if name == FIRST:
        raise NotPossible(
            f"{FIRST!r} signs notifications, so there has to be one: 'onhook app rotate {app_id}' "
            "replaces it."
        )
    await known(store, app_id)
    said = note("app token revoke", app_id, f"token {name}")
    if not await revoke_token(store, app_id, name, said):
        raise _none(app_id, name)


async def known(store: Store, app_id: str) -> Application:
    """The application with this id. Raises :class:`NotPossible` if there is none, or none any more."""
    application = await store.application(app_id)
    if application is None or application.removed_ms is not None:
        raise NotPossible(f"There is no application {app_id[:40]!r}; see 'onhook app list'.")
    return application


def _new(app_id: str, name: str) -> tuple[str, Token]:
    token = new_credential()
    return token, Token(app_id, name, token_hash(token), _now_ms())


def _none(app_id: str, name: str) -> NotPossible:
    return NotPossible(
        f"The application {app_id} has no token {name[:40]!r}; see 'onhook app token list {app_id}'."
    )


def _now_ms() -> int:
    return round(time.time() * 1000)
