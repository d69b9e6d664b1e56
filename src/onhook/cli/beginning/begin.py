"""``onhook init``, from the answers to what is to be typed next."""

import grp
import os
import pwd
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path

import typer

from onhook import numbers as plans
from onhook.administration import numbers
from onhook.cli import forwarding
from onhook.cli.beginning.making import Made, number_with_application
from onhook.cli.beginning.questions import Question, answered
from onhook.cli.beginning.settings_file import Value, settings_text, toml_line
from onhook.cli.beginning.unit_file import Place, hidden, unit_text
from onhook.cli.beginning.writing import NewFile, check_directory, write
from onhook.cli.doctor.addresses import FAR
from onhook.cli.running import run, settings_of
from onhook.phone.addresses import bracketed
from onhook.phone.nat.local_networks import LOOPBACK, own_networks
from onhook.phone.transport import address_towards
from onhook.server.settings import Settings, load
from onhook.urls import WebUrl, parse

SETTINGS, UNIT, APPLICATION, SECRETS = (
    "onhook.toml",
    "onhook.service",
    "application.py",
    "application.toml",
)
_ANY_NUMBER = "+6531234567"
_USER = "onhook"
"""Of a service that root sets up."""


def files_there(directory: Path) -> list[Path]:
    """Those that would be written and are there already."""
    paths = (directory / name for name in (SETTINGS, UNIT, APPLICATION, SECRETS))
    return [path for path in paths if os.path.lexists(path)]


def begin(
    directory: Path, data: Path, name: str, given: Mapping[str, str | None], *, asks: bool
) -> None:
    """Asks what is not ``given``, makes and writes all of it, and says what to type. Raises CommandError."""
    answers = answered(questions(), given, asks=asks)
    text = settings_text(_values(answers, data))
    settings = _checked(text, data)
    check_directory(directory)
    made = run(number_with_application(settings, answers["number"], answers["forward_to"], name))
    url = parse(answers["forward_to"])
    place = _place(directory, data)
    application = files("onhook.cli.beginning") / APPLICATION
    written = [
        NewFile(directory / SETTINGS, text),
        NewFile(directory / UNIT, unit_text(place)),
        NewFile(directory / APPLICATION, application.read_text(encoding="utf-8")),
        NewFile(directory / SECRETS, _secrets(settings, url, made), secret=True),
    ]
    replaced = write(written)
    for file in written:
        typer.echo(f"{'replaced' if file.path in replaced else 'wrote'} {file.path}")
    kept = f"was there before, and rings for its application {made.app_id}"
    typer.echo(f"{made.number} {kept if made.kept else f'rings for application {made.app_id}'}")
    unseen = ", ".join(map(str, hidden(place)))
    if unseen:
        typer.echo(f"{UNIT} does not work from here: a service does not see {unseen}.")
    warned = run(forwarding.warning(made.number, str(url), settings.allowed_networks))
    if warned:
        typer.echo(f"onhook: warning: {warned}", err=True)
    typer.echo(_next(directory, settings, made))


def questions() -> list[Question]:
    """All five, in order."""
    return [
        Question(
            "sip",
            "Where do phones and trunks reach this machine, ADDRESS:PORT? Trunks are used to 5060, which a "
            "softphone on this machine takes for itself; 127.0.0.1 is reached from here only.",
            "0.0.0.0:5080",
            lambda answer: load(sip=answer),
        ),
        Question(
            "trusted_peers",
            "Whose calls are taken, besides those of trunks? Networks of people you know: all others "
            "would call at your expense.",
            ",".join(map(str, _networks_of_here())),
            lambda answer: load(trusted_peers=answer),
        ),
        Question(
            "http",
            "Where does the API listen, ADDRESS:PORT? Behind a web server with certificates, 127.0.0.1.",
            "127.0.0.1:8080",
            lambda answer: load(http=answer),
        ),
        Question(
            "number",
            "Which number is called? For a try it need not exist anywhere else.",
            _ANY_NUMBER,
            lambda answer: numbers.checked(answer, "http://127.0.0.1/"),
        ),
        Question(
            "forward_to",
            "At which URL is your application told of calls? The one that is written listens there.",
            "http://127.0.0.1:9000/",
            lambda answer: numbers.checked(_ANY_NUMBER, answer),
        ),
    ]


def _networks_of_here() -> list[str]:
    """Loopback, and the private networks that this machine is in."""
    own = {network for network in own_networks() if network.version == 4 and network.is_private}
    return [str(LOOPBACK[0]), *sorted(str(each) for each in own if not each.is_loopback)]


def _values(answers: Mapping[str, str], data: Path) -> dict[str, Value]:
    country = plans.country_of_number(plans.e164(answers["number"]) or "")
    url = parse(answers["forward_to"])
    allowed = _allowed(url)
    return {
        "sip": answers["sip"],
        "http": answers["http"],
        "data": str(data),
        "trusted_peers": [each.strip() for each in answers["trusted_peers"].split(",")],
        **({"allowed_networks": allowed} if allowed else {}),
        **({"country": country} if country else {}),
    }


def _allowed(url: WebUrl) -> list[str]:
    """The networks to let requests into, for an application at an address that is not public."""
    if url.host == "localhost" or (url.literal is not None and url.literal.is_loopback):
        return [str(each) for each in LOOPBACK]
    if url.literal is not None and url.literal.is_private:
        return [str(ip_network(url.literal))]
    return []


def _checked(text: str, data: Path) -> Settings:
    """The settings of a file, as a server reads them; what it refuses ends the command."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / SETTINGS
        file.write_text(text, encoding="utf-8")
        return settings_of(config=file, data=data)


def _place(directory: Path, data: Path) -> Place:
    """As root it is a service of the user that deploy/systemd has; else of whoever asks."""
    user, group = _USER, _USER
    if os.getuid() != 0:
        user, group = str(os.getuid()), str(os.getgid())
        with suppress(KeyError):  # which have no names in a container
            user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    return Place(_command(), directory / SETTINGS, data, user, group)


def _command() -> Path:
    """The command ``onhook`` of the Python that runs this."""
    return Path(sys.executable).parent / "onhook"


def _secrets(settings: Settings, url: WebUrl, made: Made) -> str:
    host = "127.0.0.1" if url.literal is None else bracketed(url.host)
    lines = {
        "api": _api(settings),
        "url": str(url),
        "listen": f"{host}:{url.port}",
        "app_id": made.app_id,
        "access_token": made.access_token,
    }
    head = (
        f"# What {APPLICATION} has to know. The token lets whoever knows it call at your expense.\n"
    )
    return head + "".join(f"{toml_line(name, value)}\n" for name, value in lines.items())


def _api(settings: Settings) -> str:
    host, port = settings.http
    return f"http://{bracketed({'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host))}:{port}"


def _next(directory: Path, settings: Settings, made: Made) -> str:
    """Three commands, and whom to call."""
    beside = Path() if directory == Path.cwd() else directory
    onhook, python = _typed("onhook", _command()), _typed("python3", Path(sys.executable))
    config, application = (shlex.quote(str(beside / each)) for each in (SETTINGS, APPLICATION))
    return (
        "\nNow, each in a terminal of its own:\n\n"
        f"    {onhook} serve --config {config}\n"
        f"    {python} {application}\n"
        "\nWhen the server says that it is ready, look whether anything is in the way of calls:\n\n"
        f"    {onhook} doctor --config {config}\n"
        f"\nThen dial sip:{made.number}@{_dialled(settings)} with any SIP phone."
    )


def _typed(name: str, path: Path) -> str:
    """The command by its name where that leads to this one."""
    found = shutil.which(name)
    return name if found is not None and Path(found) == path else shlex.quote(str(path))


def _dialled(settings: Settings) -> str:
    listener = settings.sip[0]
    if not listener.is_wildcard:
        return listener.place
    try:
        host = address_towards(FAR[6 if listener.is_ipv6 else 4])
    except OSError:  # no way out: what is on this machine can call
        host = "::1" if listener.is_ipv6 else "127.0.0.1"
    return f"{bracketed(host)}:{listener.port}"
