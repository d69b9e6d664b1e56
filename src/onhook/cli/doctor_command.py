"""``onhook doctor``: its options. What it does is in ``cli/doctor/``, which is slow to import."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from onhook.cli.running import Data, Json, doc, run, settings_of


def doctor(
    trunk: Annotated[str, typer.Option(metavar="NAME", help="Look at this trunk only.")] = "",
    sip: Annotated[str | None, typer.Option(help=doc("sip"))] = None,
    http: Annotated[str | None, typer.Option(help=doc("http"))] = None,
    rtp_ports: Annotated[str | None, typer.Option(help=doc("rtp_ports"))] = None,
    config: Annotated[str | None, typer.Option(help=doc("config"))] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Look for what keeps calls from working, and say what to do. It changes nothing.

    Of a server that runs it looks at what that was started with. Where none does, give it the settings that
    the server is to have: variables, --config, or options. Status 1 if anything is not as it should be.
    """
    settings = settings_of(sip=sip, http=http, rtp_ports=rtp_ports, config=config, data=data)
    from onhook.cli.doctor import checks

    async def look() -> bool:
        here = await checks.installation(settings, trunk)
        found = []
        async for one in checks.findings(here):
            found.append(one)
            if not as_json:
                print(f"{'ok' if one.ok else '!!'}  {one.name}: {one.detail}", flush=True)
        if as_json:
            print(json.dumps({"checks": [asdict(one) for one in found]}))
        return all(one.ok for one in found)

    if not run(look()):
        raise typer.Exit(1)
