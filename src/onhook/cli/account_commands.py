"""``onhook account create|list|show|set|credit|remove``."""

import json
from collections.abc import Mapping
from typing import Annotated

import typer

from onhook.cli.command_groups import group
from onhook.cli.running import Data, Json, Yes, confirm, fail, run, settings_of

commands = group("Accounts, their balance and their ledger.")

Id = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id, e.g. main.")]


@commands.command("create")
def create(
    account: Id,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    currency: Annotated[
        str | None, typer.Option(help="ISO 4217 code; it can never be changed.")
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="How the references of its calls begin: AA.")
    ] = None,
    mobile_number: Annotated[str | None, typer.Option(help="A number in E.164.")] = None,
    email: Annotated[str | None, typer.Option(help="An address to write to.")] = None,
    country: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2 code: SG.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="As the IANA names it.")] = None,
    trial: Annotated[
        bool,
        typer.Option(
            "--trial",
            help="It calls, and is called by, its registered number only, until credited.",
        ),
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Create an account; it pays afterwards, until it is credited for the first time."""
    from onhook.cli import ledger  # the store costs half a second to import

    settings = settings_of(data=data)
    made = run(
        ledger.create_account(
            settings,
            account,
            name=name,
            currency=currency,
            prefix=prefix,
            mobile_number=mobile_number,
            email=email,
            country=country,
            time_zone=time_zone,
            trial=trial,
        )
    )
    default = made.pop("rate", None)
    _print(made, as_json)
    if default is not None:
        typer.echo(
            f"onhook: there is no rate in {made['currency']} yet, so a minute costs the default of "
            f"{default}; see 'onhook rate set'.",
            err=True,
        )


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List the accounts with their balances."""
    from onhook.cli import ledger

    found = run(ledger.list_accounts(settings_of(data=data).data))
    if as_json:
        print(json.dumps(found))
        return
    from onhook.cli.tables import show_table

    show_table(list(found[0]), [list(one.values()) for one in found])


@commands.command("show")
def show(account: Id, data: Data = None, as_json: Json = False) -> None:
    """Show an account and its newest ledger entries."""
    from onhook.cli import ledger

    found = run(ledger.show_account(settings_of(data=data).data, account))
    if as_json:
        print(json.dumps(found))
        return
    from onhook.cli.tables import show_line, show_table

    entries = found.pop("entries")
    _print(found, as_json)
    if isinstance(entries, list) and entries:
        show_line()
        show_table(list(entries[0]), [list(entry.values()) for entry in entries])


@commands.command("set")
def change(
    account: Id,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    mobile_number: Annotated[str | None, typer.Option(help="A number in E.164.")] = None,
    email: Annotated[str | None, typer.Option(help="An address to write to.")] = None,
    country: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2 code: SG.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="As the IANA names it.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Change what is known of an account; its currency and its prefix stay."""
    from onhook.cli import ledger

    given = {
        "name": name,
        "mobile_number": mobile_number,
        "email": email,
        "country": country,
        "time_zone": time_zone,
    }
    if all(value is None for value in given.values()):
        fail(
            "Say what is to be another: --name, --mobile-number, --email, --country or --time-zone."
        )
    _print(run(ledger.set_account(settings_of(data=data).data, account, **given)), as_json)


@commands.command("remove")
def remove(account: Id, yes: Yes = False, data: Data = None, as_json: Json = False) -> None:
    """Remove an account that was never used: no application, no call, no ledger entry."""
    from onhook.cli import ledger

    confirm(f"The account {account} will be removed. Go on?", yes=yes)
    run(ledger.remove_account(settings_of(data=data).data, account))
    done = {"account": account, "removed": True}
    print(json.dumps(done) if as_json else f"The account {account} is removed.")


@commands.command("credit")
def credit(
    account: Id,
    amount: Annotated[str, typer.Argument(help="In the account's currency, e.g. 25 or 0.500.")],
    bonus: Annotated[bool, typer.Option("--bonus", help="A gift; it is used first.")] = False,
    note: Annotated[str, typer.Option(help="What it is for; kept in the ledger.")] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Add to an account's balance. From the first time on the account pays before it calls."""
    from onhook.cli import ledger

    where = settings_of(data=data).data
    found = run(ledger.credit_account(where, account, amount, bonus=bonus, note=note))
    if as_json:
        print(json.dumps(found))
        return
    print(f"{account} has {found['currency']} {found['balance']}.")


def _print(account: Mapping[str, object], as_json: bool) -> None:
    if as_json:
        print(json.dumps(account))
        return
    from onhook.cli.tables import show_fields

    show_fields(account.items())
