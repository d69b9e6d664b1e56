"""The ``onhook`` command: ``serve``, and what looks after its data while it runs."""

import json
from typing import Annotated

import typer

from onhook import __version__
from onhook.cli import (
    account_commands,
    application_commands,
    config_commands,
    number_commands,
    operator_commands,
    prompt_commands,
    rate_commands,
    token_commands,
    trunk_commands,
    voice_commands,
)
from onhook.cli.application_commands import (
    MEDIA_HELP,
    AppDetail,
    AppFormat,
    Detail,
    Format,
    NumberDetail,
    NumberFormat,
    OwnDetail,
    OwnFormat,
)
from onhook.cli.backup_commands import backup, restore
from onhook.cli.call_commands import commands as trying_commands
from onhook.cli.command_groups import group, root
from onhook.cli.doctor_command import doctor
from onhook.cli.init_command import init
from onhook.cli.listing import call_commands, notification_commands
from onhook.cli.running import Data, Experimental, Json, VoicesDir, doc, run, settings_of
from onhook.cli.simulate_command import simulate
from onhook.cli.tail_command import tail

app = root("Onhook, a self-hosted voice API.")
app_commands = group("Applications.")
numbers = group("Numbers that can be called.")
app_commands.command("list")(application_commands.list_applications)
app_commands.command("show")(application_commands.show_application)
app_commands.command("update")(application_commands.update_application)
app_commands.command("rotate")(token_commands.rotate)
app_commands.command("remove")(application_commands.remove_application)
app_commands.add_typer(token_commands.commands, name="token")
numbers.command("list")(number_commands.list_numbers)
numbers.command("show")(number_commands.show_number)
numbers.command("set")(number_commands.set_number)
numbers.command("update")(number_commands.update_number)
numbers.command("move")(number_commands.move_number)
numbers.command("remove")(number_commands.remove_number)
app.add_typer(app_commands, name="app")
app.add_typer(numbers, name="number")
app.add_typer(account_commands.commands, name="account")
app.add_typer(rate_commands.commands, name="rate")
app.add_typer(trunk_commands.commands, name="trunk")
app.add_typer(operator_commands.commands, name="operator")
app.add_typer(prompt_commands.commands, name="prompt")
app.add_typer(call_commands, name="calls")
app.add_typer(notification_commands, name="notifications")
app.add_typer(voice_commands.commands, name="voice")
app.add_typer(trying_commands, name="call")
app.add_typer(config_commands.commands, name="config")


@app.callback()
def onhook(
    version: Annotated[
        bool, typer.Option("--version", help="Say which Onhook this is.", is_eager=True)
    ] = False,
) -> None:
    """Onhook, a self-hosted voice API."""
    if version:
        print(f"onhook {__version__}")
        raise typer.Exit


Database = Annotated[str | None, typer.Option("--database-url", help=doc("database_url"))]


@app.command()
def serve(
    http: Annotated[str | None, typer.Option(help=doc("http"))] = None,
    public_url: Annotated[str | None, typer.Option(help=doc("public_url"))] = None,
    cors_origins: Annotated[str | None, typer.Option(help=doc("cors_origins"))] = None,
    sip: Annotated[str | None, typer.Option(help=doc("sip"))] = None,
    sip_cert: Annotated[str | None, typer.Option(help=doc("sip_cert"))] = None,
    sip_key: Annotated[str | None, typer.Option(help=doc("sip_key"))] = None,
    rtp_ports: Annotated[str | None, typer.Option(help=doc("rtp_ports"))] = None,
    rtp_latching: Annotated[str | None, typer.Option(help=doc("rtp_latching"))] = None,
    srtp: Annotated[str | None, typer.Option(help=doc("srtp"))] = None,
    data: Data = None,
    database_url: Database = None,
    config: Annotated[str | None, typer.Option(help=doc("config"))] = None,
    worker: Annotated[str | None, typer.Option(help=doc("worker"))] = None,
    lease_s: Annotated[str | None, typer.Option(help=doc("lease_s"))] = None,
    allowed_networks: Annotated[str | None, typer.Option(help=doc("allowed_networks"))] = None,
    trusted_peers: Annotated[str | None, typer.Option(help=doc("trusted_peers"))] = None,
    trusted_proxies: Annotated[str | None, typer.Option(help=doc("trusted_proxies"))] = None,
    public_address: Annotated[str | None, typer.Option(help=doc("public_address"))] = None,
    local_networks: Annotated[str | None, typer.Option(help=doc("local_networks"))] = None,
    stun_server: Annotated[str | None, typer.Option(help=doc("stun_server"))] = None,
    dns_servers: Annotated[str | None, typer.Option(help=doc("dns_servers"))] = None,
    country: Annotated[str | None, typer.Option(help=doc("country"))] = None,
    ca_file: Annotated[str | None, typer.Option(help=doc("ca_file"))] = None,
    currency: Annotated[str | None, typer.Option(help=doc("currency"))] = None,
    rate: Annotated[str | None, typer.Option(help=doc("rate"))] = None,
    rate_limit: Annotated[str | None, typer.Option(help=doc("rate_limit"))] = None,
    status_rate_limit: Annotated[str | None, typer.Option(help=doc("status_rate_limit"))] = None,
    max_calls: Annotated[str | None, typer.Option(help=doc("max_calls"))] = None,
    settle_ms: Annotated[str | None, typer.Option(help=doc("settle_ms"))] = None,
    ringing_s: Annotated[str | None, typer.Option(help=doc("ringing_s"))] = None,
    idle_s: Annotated[str | None, typer.Option(help=doc("idle_s"))] = None,
    session_s: Annotated[str | None, typer.Option(help=doc("session_s"))] = None,
    silence_s: Annotated[str | None, typer.Option(help=doc("silence_s"))] = None,
    session_timer_s: Annotated[str | None, typer.Option(help=doc("session_timer_s"))] = None,
    reject_code: Annotated[str | None, typer.Option(help=doc("reject_code"))] = None,
    prepare_s: Annotated[str | None, typer.Option(help=doc("prepare_s"))] = None,
    stale_s: Annotated[str | None, typer.Option(help=doc("stale_s"))] = None,
    prompt_cache_mb: Annotated[str | None, typer.Option(help=doc("prompt_cache_mb"))] = None,
    voices_dir: VoicesDir = None,
    speech_idle_s: Annotated[str | None, typer.Option(help=doc("speech_idle_s"))] = None,
    voice_wait_ms: Annotated[str | None, typer.Option(help=doc("voice_wait_ms"))] = None,
    experimental_voices: Experimental = None,
    recordings_kept_s: Annotated[str | None, typer.Option(help=doc("recordings_kept_s"))] = None,
    record_beep: Annotated[bool | None, typer.Option(help=doc("record_beep"))] = None,
    drain_s: Annotated[str | None, typer.Option(help=doc("drain_s"))] = None,
    hang_s: Annotated[str | None, typer.Option(help=doc("hang_s"))] = None,
    keep_audio_s: Annotated[str | None, typer.Option(help=doc("keep_audio_s"))] = None,
    retry_schedule: Annotated[str | None, typer.Option(help=doc("retry_schedule"))] = None,
    trace_days: Annotated[str | None, typer.Option(help=doc("trace_days"))] = None,
    trace_mb: Annotated[str | None, typer.Option(help=doc("trace_mb"))] = None,
    trace_private: Annotated[bool | None, typer.Option(help=doc("trace_private"))] = None,
    otlp_endpoint: Annotated[str | None, typer.Option(help=doc("otlp_endpoint"))] = None,
    log_private: Annotated[bool | None, typer.Option(help=doc("log_private"))] = None,
) -> None:
    """Run the server. Every option can also be given as ONHOOK_<NAME> or in a TOML file."""
    options = locals()
    settings = settings_of(**options)
    from onhook.cli.serving import serve as start  # after the settings: a mistake is told at once

    start(settings, options)


@app.command("status")
def show_status(data: Data = None, as_json: Json = False) -> None:
    """What runs of the server on a data directory, and since when; status 1 if none does."""
    from onhook.cli.status import show_processes

    show_processes(settings_of(data=data).data, as_json=as_json)


@app.command()
def reload(data: Data = None) -> None:
    """Have another version, or other settings, take over a running server, while its calls go on."""
    from onhook.cli.reloading import reload_server

    reload_server(settings_of(data=data))


@app_commands.command("create")
def create_app(
    name: Annotated[str, typer.Argument(help="A name for people.")],
    account: Annotated[str, typer.Option(help="The account that pays for its calls.")] = "main",
    form: AppFormat = Format.FORM,
    detail: AppDetail = Detail.NONE,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Create an application; prints its app_id and its access_token, which is shown only now."""
    from onhook.cli import accounts  # the store costs half a second to import

    where = settings_of(data=data).data
    made = run(
        accounts.create_application(where, name, account, form=form.value, detail=detail.value)
    )
    if as_json:
        print(json.dumps(made))
        return
    for key, value in made.items():
        print(f"{key:<15} {value}")


@numbers.command("add")
def add_number(
    number: Annotated[str, typer.Argument(help="The number in E.164, e.g. +6531234567.")],
    application: Annotated[str, typer.Option("--app", help="The app_id of its application.")],
    forward_to: Annotated[str, typer.Option(help="The URL that is told of calls to it.")],
    allowed_networks: Annotated[
        str | None, typer.Option(help="The server's: without them, a warning may be wrong.")
    ] = None,
    form: OwnFormat = NumberFormat.APPLICATION,
    media: Annotated[bool, typer.Option("--media", help=MEDIA_HELP)] = False,
    detail: OwnDetail = NumberDetail.APPLICATION,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Give a number to an application: calls to it are told to forward-to."""
    from onhook.cli import accounts, forwarding

    settings = settings_of(data=data, allowed_networks=allowed_networks)
    made = run(
        accounts.add_number(
            settings.data,
            number,
            application,
            forward_to,
            form=form.stored,
            media=media,
            detail=detail.stored,
        )
    )
    warning = run(forwarding.warning(made["number"], forward_to, settings.allowed_networks))
    if warning:
        typer.echo(f"onhook: warning: {warning}", err=True)
    if as_json:
        print(json.dumps(made))
        return
    print(f"{made['number']} rings for application {made['app_id']}.")


app.command("init")(init)
app.command("voices")(voice_commands.list_voices)
app.command("say")(voice_commands.say)
app.command("backup")(backup)
app.command("restore")(restore)
app.command("tail")(tail)
app.command("doctor")(doctor)
app.command("simulate")(simulate)


def main() -> None:
    """The command ``onhook`` (``[project.scripts]``), and ``python -m onhook``."""
    app()
