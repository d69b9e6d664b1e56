"""``onhook tail``: its options. What it does is in ``cli/tail.py``, which is slow to import."""

from enum import StrEnum
from typing import Annotated

import typer

from onhook.cli.listing import AppId, CallNumber, Session, Zone, zone_of
from onhook.cli.running import Data, Json, run, settings_of


class Kind(StrEnum):
    """What can be followed."""

    CALL = "call"
    NOTIFICATION = "notification"
    REQUEST = "request"


def tail(
    session: Session = None,
    number: CallNumber = None,
    trunk: Annotated[str | None, typer.Option(help="Only by this trunk.")] = None,
    app: AppId = None,
    kind: Annotated[
        list[Kind] | None,
        typer.Option(
            help="Only calls, only notifications and their attempts, or only requests that are refused; "
            "it can be given twice."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="What was since then first: 15m, 2h ago, or a date.")
    ] = None,
    zone: Zone = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Follow what happens to calls, a line for each thing, until Ctrl-C: begin, answer, blocks, end; what is
    told, and what came of it; requests that are refused. With --json a JSON object a line."""
    settings = settings_of(data=data)
    from onhook.cli import reports
    from onhook.cli import tail as following

    where = zone_of(zone)
    kinds = [one.value for one in kind or Kind]

    async def work() -> None:
        which = reports.wanted(
            where, session=session, number=number, trunk=trunk, app=app, since=since
        )
        await following.follow(settings.data, which, kinds, where, as_json=as_json)

    run(work())
