"""The data directory with a number and its application: new ones, or those that are there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from onhook.administration import applications, numbers
from onhook.administration.tokens import known
from onhook.cli.noting import note
from onhook.cli.opening import opened
from onhook.server.settings import Settings


@dataclass(frozen=True)
class Made:
    """An application, and the number that rings for it, in E.164. ``kept``: both were there before."""

    number: str
    app_id: str
    access_token: str
    kept: bool


async def number_with_application(
    settings: Settings, number: str, forward_to: str, name: str
) -> Made:
    """The number, told to ``forward_to``, with a new application; or with the one that it has. Raises
    CommandError."""
    e164 = numbers.checked(number, forward_to)
    url = settings.database_url.get_secret_value()
    with _private():
        async with opened(settings.data, url, make=True) as (store, keyring):
            found = await store.number(e164)
            if found is not None:
                application = await known(store, found.app_id)
                if found.forward_to != forward_to:
                    await numbers.change(store, keyring, note, e164, forward_to=forward_to)
                token = keyring.decrypt(application.token_encrypted)
                return Made(e164, found.app_id, token, kept=True)
            made = await applications.create(store, keyring, note, name, currency=settings.currency)
            await numbers.add(store, keyring, note, e164, made["app_id"], forward_to)
            return Made(e164, made["app_id"], made["access_token"], kept=False)


@contextmanager
def _private() -> Iterator[None]:
    """What is made meanwhile is for nobody else, as what a server makes."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
