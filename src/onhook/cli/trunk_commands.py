"""``onhook trunk add|list|remove``."""

import json
from typing import Annotated

import typer

from onhook.cli.running import Data, Json, run, settings_of

commands = typer.Typer(help="The ways out: where calls that are made go.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The trunk's name, e.g. carrier.")]


@commands.command("add")
def add(
    name: Name,
    proxy: Annotated[str, typer.Option(help="The SIP proxy, HOST:PORT.")],
    transport: Annotated[str, typer.Option(help="udp or tcp.")] = "udp",
    username: Annotated[str, typer.Option(help="Whom the proxy knows us as.")] = "",
    password: Annotated[
        str,
        typer.Option(
            envvar="ONHOOK_TRUNK_PASSWORD",
            help="Its password. Best given as the variable: options can be seen by other users.",
        ),
    ] = "",
    prefix: Annotated[
        str,
        typer.Option(help="How the numbers begin that go this way, e.g. +65; * is every number."),
    ] = "*",
    caller_id: Annotated[
        str, typer.Option(help="The number that is shown where the account has none, in E.164.")
    ] = "",
    rtp_latching: Annotated[
        str,
        typer.Option(
            help="Where its first audio may come from: signalled, the addresses of SDP and signalling; any."
        ),
    ] = "signalled",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Add a way out. The longest prefix of a number decides; of one prefix the first added is tried first."""
    from onhook.cli import trunks  # the store costs half a second to import

    given = trunks.Given(
        name=name,
        proxy=proxy,
        transport=transport,
        username=username,
        password=password,
        prefix=prefix,
        caller_id=caller_id,
        rtp_latching=rtp_latching,
    )
    made = run(trunks.add(settings_of(data=data).data, given))
    if as_json:
        print(json.dumps(made))
        return
    numbers = "every number" if made["prefix"] == "*" else f"numbers from {made['prefix']}"
    print(f"Calls to {numbers} go through {name} to {made['proxy']}.")


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List the trunks; passwords are not shown."""
    from onhook.cli import trunks

    found = run(trunks.list_all(settings_of(data=data).data))
    if as_json:
        print(json.dumps(found))
        return
    if not found:
        print("There is no trunk.")
        return
    from onhook.cli.tables import show_table

    show_table(list(found[0]), [list(one.values()) for one in found])


@commands.command("remove")
def remove(name: Name, data: Data = None) -> None:
    """Remove a way out. Calls that go on through it are not touched."""
    from onhook.cli import trunks

    run(trunks.remove(settings_of(data=data).data, name))
    print(f"The trunk {name} is removed.")
