"""Making applications and numbers in a data directory; a server may be running on it meanwhile."""

from pathlib import Path

from onhook.administration import applications, numbers
from onhook.cli.noting import note
from onhook.cli.opening import opened
from onhook.server.settings import load
from onhook.store import MAIN_ACCOUNT


async def create_application(
    data: Path,
    name: str,
    account_id: str = MAIN_ACCOUNT,
    *,
    form: str = "form",
    detail: str = "none",
    database_url: str | None = None,
) -> dict[str, str]:
    """Creates an application, whose notifications have the ``form`` of ``form`` or ``json``, and say why its
    calls ended where ``detail`` is ``why``.

    Returns its app_id, access_token and webhook_secret.
    """
    async with opened(data, database_url) as (store, keyring):
        return await applications.create(
            store,
            keyring,
            note,
            name,
            account_id,
            form=form,
            detail=detail,
            currency=load().currency,
        )


async def add_number(
    data: Path,
    number: str,
    app_id: str,
    forward_to: str,
    *,
    form: str = "",
    media: bool = False,
    detail: str = "",
    database_url: str | None = None,
) -> dict[str, str]:
    """Gives a number to an application; its calls are told in this ``form``, or in the application's, with
    the quality of their ``media`` or without, and with why they ended as ``detail`` says, or its
    application."""
    numbers.checked(number, forward_to)  # also where there is no data directory yet
    async with opened(data, database_url) as (store, keyring):
        return await numbers.add(
            store,
            keyring,
            note,
            number,
            app_id,
            forward_to,
            form=form,
            media=media,
            detail=detail,
        )
