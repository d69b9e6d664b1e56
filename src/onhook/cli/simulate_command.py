"""``onhook simulate``: a call to an application by hand, without a phone, a server and sound."""

import os
import sys
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlsplit

import typer

from onhook.cli.running import fail

_STARTS_S = 60.0
"""How long an application may take until it can be reached."""


def simulate(
    url: Annotated[str, typer.Argument(help="Where the application is told of calls.")],
    number: Annotated[str, typer.Option(help="Which number is called.")] = "+6531234567",
    caller: Annotated[str, typer.Option(help="Who calls; empty withholds it.")] = "+6591110000",
    busy: Annotated[
        list[str] | None, typer.Option(help="A number that is busy; can be given often.")
    ] = None,
    rings: Annotated[
        float, typer.Option(help="Seconds after which all other numbers that are called answer.")
    ] = 3.0,
    all_of_it: Annotated[
        bool, typer.Option("--all", help="Show what the application is told and asks for, too.")
    ] = False,
) -> None:
    """Call an application by hand: what the caller hears is printed, keys that are typed are pressed, h hangs
    up, an empty line waits, and time stands still while you think.

    The API is where ONHOOK_API says, or at a free port, with the credentials of APP_ID and ACCESS_TOKEN, or
    new ones; they are printed, for the application.
    """
    from onhook.numbers import e164

    for one in (number, *(busy or ()), *([caller] if caller else ())):
        if e164(one) is None:
            fail(f"{one[:40]} is not a number in E.164, such as +6531234567.")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        fail(f"{url[:80]} is no URL of an application, such as http://127.0.0.1:9000/.")
    from onhook.simulator.simulator import Simulator
    from onhook.simulator.terminal import HELP, Conversation, NobodyListens, await_application

    app_id, token = os.environ.get("APP_ID"), os.environ.get("ACCESS_TOKEN")
    port = _api_port()
    try:
        simulator = Simulator(port=port, credentials=(app_id, token) if app_id and token else None)
        with simulator:
            simulator.serve(url)
            for name, value in simulator.environment.items():
                print(f"{name}={value}", file=sys.stderr)
            await_application(url, _STARTS_S)
            for each in busy or ():
                simulator.takes(each, refuses=486, answers_after_s=None)
            simulator.takes("", refuses=None, answers_after_s=rings)
            if sys.stdin.isatty():
                print(HELP, file=sys.stderr)
            Conversation(simulator, lambda said: print(said, flush=True), all_of_it=all_of_it).run(
                number, caller, _typed()
            )
    except NobodyListens as error:
        fail(str(error))
    except OSError as error:
        fail(f"The API cannot listen at port {port}: {error.strerror}.")


def _api_port() -> int:
    """That of ONHOOK_API; 0, for any, where there is none. What an application asks of a server elsewhere
    would never come to the simulator."""
    api = os.environ.get("ONHOOK_API", "")
    try:
        host, port = urlsplit(api).hostname, urlsplit(api).port
    except ValueError:
        host, port = None, None
    if api and host not in ("127.0.0.1", "localhost"):
        fail(
            f"ONHOOK_API is {api[:80]}, where no simulator can be: unset it, or say http://127.0.0.1:8080."
        )
    return port or 0


def _typed() -> Iterator[str]:
    """The lines of standard input, until its end."""
    while True:
        if sys.stdin.isatty():
            print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        yield line.strip()
