"""What ``onhook call place`` and ``onhook call hangup`` do: requests to the API of the server that runs, with
the token of the application whose call it is."""

import asyncio
import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from onhook.administration.operator_hangup import HEADER, header_of
from onhook.administration.tokens import known
from onhook.calls.why import verdict_of
from onhook.cli.errors import CommandError
from onhook.cli.noting import note
from onhook.cli.opening import opened, opened_store
from onhook.phone.addresses import bracketed
from onhook.server.settings import Settings
from onhook.server.supervisor.status import NoAnswer, NobodyThere, ask
from onhook.server.told_options import told
from onhook.store.applications import all_applications
from onhook.store.audit import write_audit
from onhook.store.reports import call_report

_PATIENCE_S = 60.0
_LOOK_AGAIN_S = 0.3
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_OK = "success_ok"


async def place(
    settings: Settings, number: str, msg: str, caller_id: str | None, app_id: str | None
) -> dict[str, str]:
    """Places a call; its ``session`` and ``txn_ref``. Raises CommandError, also where it is refused."""
    credentials = await _credentials(settings, app_id or await _the_only(settings))
    shown = {} if caller_id is None else {"caller_id": caller_id}
    params = {**credentials, "dest": number, "msg": msg, **shown}
    reply = await _request(settings, "ivr/start/dial", params)
    await _note(settings, "call place", str(reply["session"]))
    return {"session": str(reply["session"]), "txn_ref": str(reply["txn_ref"])}


async def hang_up(settings: Settings, session_or_txn_ref: str, msg: str | None) -> str:
    """Hangs up a call, at once or after a message; its session. Raises :class:`CommandError`."""
    async with opened_store(settings.data) as store:
        report = await call_report(store, session_or_txn_ref)
    if report is None:
        raise CommandError(
            f"There is no call {session_or_txn_ref[:40]!r}; see 'onhook calls live'."
        )
    noted = note("call hangup", report.call.session)
    how = {"force": "enabled"} if msg is None else {"msg": msg}
    session = report.call.session
    async with opened(settings.data) as (_, keyring):
        by = header_of(keyring.name_for, noted.who, session)
    credentials = await _credentials(settings, report.call.app_id)
    params = {**credentials, "session": session, **how}
    await _request(settings, "ivr/end/hangup", params, {HEADER: by})
    async with opened_store(settings.data) as store:
        await write_audit(store, noted)
    return session


async def outcome(settings: Settings, session: str) -> dict[str, Any]:
    """Waits for the end of a call: ``answered``, and why it ended (`ended_by`, `cause`, `sentence`,
    `advice`). Raises :class:`CommandError`."""
    async with opened_store(settings.data) as store:
        while True:
            report = await call_report(store, session)
            if report is not None and report.call.ended_ms is not None:
                break
            await asyncio.sleep(_LOOK_AGAIN_S)
    verdict = verdict_of(report)
    return {
        "answered": report.call.answered_ms is not None,
        "ended_by": verdict.ended_by,
        "cause": verdict.cause,
        "sentence": verdict.sentence,
        "advice": verdict.advice,
    }


async def _note(settings: Settings, what: str, session: str) -> None:
    async with opened_store(settings.data) as store:
        await write_audit(store, note(what, session))


async def _the_only(settings: Settings) -> str:
    async with opened_store(settings.data) as store:
        found = await all_applications(store)
    if len(found) != 1:
        raise CommandError(
            "There is no application; see 'onhook app create'."
            if not found
            else "There are several applications: say with --app whose call it is; see 'onhook app list'."
        )
    return found[0].app_id


async def _credentials(settings: Settings, app_id: str) -> dict[str, str]:
    async with opened(settings.data) as (store, keyring):
        application = await known(store, app_id)
        token = keyring.decrypt(application.token_encrypted)
    return {"app_id": app_id, "access_token": token}


async def _request(
    settings: Settings,
    path: str,
    params: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
) -> Mapping[str, object]:
    url = f"{_address(settings)}/open/{path}"
    reply = await asyncio.to_thread(
        _post, url, urllib.parse.urlencode(params).encode(), headers or {}
    )
    if reply.get("status") != _OK:
        detail = reply.get("detail", "")
        raise CommandError(f"It was refused: {reply.get('status')}. {detail}".rstrip())
    return reply


def _address(settings: Settings) -> str:
    """Where the server on the data directory has its API."""
    try:
        ask(settings.data)
    except NobodyThere:
        raise CommandError(
            f"No server of this user runs on the data directory {settings.data}; --data names another."
        ) from None
    except NoAnswer as error:
        raise CommandError(str(error)) from error
    host, port = (told(settings) or settings).http
    return f"http://{bracketed(_ANY_ADDRESS.get(host, host))}:{port}"


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> Mapping[str, object]:
    request = urllib.request.Request(
        url, body, {"Content-Type": "application/x-www-form-urlencoded", **headers}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is on this machine
    try:
        with opener.open(request, timeout=_PATIENCE_S) as answer:
            found = json.loads(answer.read())
    except (OSError, ValueError) as error:
        raise CommandError(
            f"The API at {url.partition('/open/')[0]} does not answer: {error}."
        ) from error
    return found if isinstance(found, dict) else {}
