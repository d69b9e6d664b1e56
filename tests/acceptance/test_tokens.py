"""Tokens of an application while a server runs: a further one opens the API, a revoked one does not."""

import asyncio
import hashlib
import hmac
import json

from acceptance.harness import Customer
from acceptance.test_operator_commands import command
from onhook.testing.api_client import ApiClient


async def status(customer: Customer, token: str) -> str:
    """What a request with a token is answered."""
    async with ApiClient(customer.server.url, customer.app_id, token) as api:
        return str((await api.post("user/get_balance"))["status"])


async def becomes(customer: Customer, token: str, wanted: str) -> None:
    """Returns once a request with the token is answered so: a running server takes a change over."""
    async with asyncio.timeout(60):
        while await status(customer, token) != wanted:
            await asyncio.sleep(0.05)


async def made(customer: Customer, *arguments: str) -> str:
    """The token that a command shows."""
    printed = await command(customer.server, "app", *arguments, "--json")
    return str(json.loads(printed)["access_token"])


def signed_with(token: str, body: bytes) -> str:
    """The signature by a token (docs/webhooks.md)."""
    return hmac.new(token.encode(), body, hashlib.sha256).hexdigest()


async def test_a_further_token_opens_the_api_until_it_is_revoked(customer: Customer) -> None:
    app_id = customer.app_id
    token = await made(customer, "token", "add", app_id, "reports")
    assert await status(customer, token) == "success_ok"
    assert await status(customer, customer.access_token) == "success_ok"
    await command(customer.server, "app", "token", "revoke", app_id, "reports")
    await becomes(customer, token, "error_invalid_access_token")
    assert await status(customer, customer.access_token) == "success_ok"


async def test_a_token_is_replaced_without_a_pause_and_signs_from_then_on(
    customer: Customer,
) -> None:
    old, app_id = customer.access_token, customer.app_id
    new = await made(customer, "rotate", app_id, "--keep", "before")
    assert [await status(customer, token) for token in (old, new)] == ["success_ok"] * 2
    async with asyncio.timeout(60):
        call, told = await customer.call()
        while told.headers["x-hoiio-signature"] != signed_with(new, told.body):
            await call.cancel()
            await customer.receiver.next(session=told["session"], call_state="ended")
            call, told = await customer.call()
    await command(customer.server, "app", "token", "revoke", app_id, "before")
    await becomes(customer, old, "error_invalid_access_token")
    customer.access_token = new
    assert (await customer.hangup(told["session"]))["status"] == "success_ok"
    await call.ended()


async def test_a_removed_application_opens_with_none_of_its_tokens(customer: Customer) -> None:
    token = await made(customer, "token", "add", customer.app_id, "reports")
    await command(customer.server, "number", "remove", customer.number)
    await command(customer.server, "app", "remove", customer.app_id)
    for each in (token, customer.access_token):
        await becomes(customer, each, "error_invalid_access_token")
