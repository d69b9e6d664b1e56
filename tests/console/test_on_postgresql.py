"""The console of a server whose database is a PostgreSQL."""

from collections.abc import Callable

import pytest

from acceptance.harness import Onhook
from console.conftest import SignedIn
from onhook.console.roles import Role
from store.postgresql import PostgreSQL


@pytest.mark.slow
async def test_operators_sign_in_look_and_are_in_the_audit(
    start: Callable[..., Onhook], signed_in: SignedIn, postgresql: PostgreSQL
) -> None:
    server = start(database_url=postgresql.new_database())
    browser = await signed_in(Role.ADMINISTER, server)
    live = await browser.get("/console/live")
    assert live.status == 200
    assert "0 calls go on" in live.text
    audit = await browser.get("/console/audit")
    assert audit.status == 200
    assert "operator add" in audit.text
    assert "sign in" in audit.text
    before = await server.kill_role("switch")
    assert before
    assert (await browser.get("/console/live")).status == 200
    assert (await browser.post("/console/sign-out")).status == 303
    assert (await browser.get("/console/live")).status == 303
