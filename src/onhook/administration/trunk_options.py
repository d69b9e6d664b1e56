"""Every option of a trunk, once: of a command, of a TOML file, in what is shown. Imports nothing heavy.

An option has one name everywhere: ``from_user`` is ``--from-user`` of a command, ``from_user`` of a file's
table and of ``--json``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict


class OptionRefused(Exception):
    """An option cannot be what was given; ``why`` begins with a verb, and is about ``option``."""

    def __init__(self, option: str, why: str) -> None:
        super().__init__(f"{option} {why}")
        self.option = option
        self.why = why


@dataclass(frozen=True, slots=True)
class TrunkOption:
    """One of them. ``kind`` is ``text``, ``word`` (in small letters), ``number``, ``flag``, ``words``
    (with commas between), ``lines`` (given several times) or ``file``; ``field`` is that of the record."""

    name: str
    help: str
    default: object = ""
    kind: str = "text"
    field: str = ""

    @property
    def flag(self) -> str:
        """As the command line has it."""
        return f"--{self.name.replace('_', '-')}"


_ALL = (
    TrunkOption(
        "proxy",
        "The SIP proxy: HOST or HOST:PORT, IPv6 in brackets. Without a port, DNS says where (SRV).",
    ),
    TrunkOption("transport", "udp, tcp or tls.", "udp", "word"),
    TrunkOption("register", "Register there, so that calls come to where we are.", False, "flag"),
    TrunkOption("username", "Whom the proxy knows us as."),
    TrunkOption(
        "password",
        "Its password. Best given as the variable: options can be seen by other users.",
        field="password_encrypted",
    ),
    TrunkOption("auth_user", "The user name of digest authentication, where it is another one."),
    TrunkOption(
        "from_user", "The user of From, whoever calls; the caller is in P-Asserted-Identity then."
    ),
    TrunkOption("from_domain", "The domain of From and P-Asserted-Identity, instead of our address."),
    TrunkOption(
        "outbound_proxy", "HOST[:PORT] or SIP URI that requests are sent to instead of the proxy."
    ),
    TrunkOption("srtp", "off, prefer or require.", "off", "word"),
    TrunkOption(
        "number_format",
        "How numbers are written: plus (+6531234567), e164 (6531234567), national:CC (national:65).",
        "plus",
    ),
    TrunkOption(
        "called_from",
        "Where a call in says who is called: request-uri, to, p-called-party-id.",
        "request-uri",
        "word",
    ),
    TrunkOption(
        "caller_from",
        "Where a call in says who calls: from, pai, rpid, ppi, diversion; else from.",
        "pai",
        "word",
    ),
    TrunkOption(
        "inbound",
        "Networks, addresses and host names whose calls come by this trunk, beside its proxy; digest lets "
        "its user call from anywhere with the password.",
        (),
        "words",
    ),
    TrunkOption("codecs", "PCMU, PCMA or both, the preferred one first.", (), "words"),
    TrunkOption(
        "ptime",
        "Milliseconds of audio in a packet: 10, 20, 30, 40 or 60; 0 is what the peer asks for.",
        0,
        "number",
    ),
    TrunkOption(
        "session_timer", "Seconds of a session timer (RFC 4028); 0 asks for none.", 1800, "number"
    ),
    TrunkOption(
        "privacy",
        "What every call asks for: none, or some of id, user, header, session, critical.",
        "none",
        "word",

    ),
    TrunkOption(
        "header", "A further header of INVITEs, 'X-Account: 7'; can be given often.", (), "lines",
        "headers",
    ),
    TrunkOption("ping", "Seconds between OPTIONS that see whether it is there; 0 sends none.", 0, "number",
                "ping_s"),
    TrunkOption("keepalive", "Seconds between what keeps the way through a NAT open; 0 sends none.", 25,
                "number", "keepalive_s"),
    TrunkOption("ca_file", "PEM file of whom to trust for TLS instead of the system's.", "", "file"),
    TrunkOption("client_cert", "PEM file of our certificate for TLS.", "", "file"),
    TrunkOption("client_key", "PEM file of its key, where that is in another file.", "", "file"),
    TrunkOption(
        "prefix", "How the numbers begin that go this way, e.g. +65; * is every number.", "*"
    ),
    TrunkOption(
        "caller_id", "The number that is shown where the account has none, in E.164."
    ),
    TrunkOption(
        "rtp_latching",
        "Where its first audio may come from: signalled, the addresses of SDP and signalling; any.",
        "signalled",
        "word",
    ),
)  # fmt: skip

OPTIONS: Mapping[str, TrunkOption] = {option.name: option for option in _ALL}
"""By name, in the order in which they are shown."""


class FurtherOptions(TypedDict, total=False):
    """What may be given of a trunk beside its proxy; None is not given. ``OPTIONS`` says what each is."""

    transport: str | None
    register: bool | None
    username: str | None
    password: str | None
    auth_user: str | None
    from_user: str | None
    from_domain: str | None
    outbound_proxy: str | None
    srtp: str | None
    number_format: str | None
    called_from: str | None
    caller_from: str | None
    inbound: str | Sequence[str] | None
    codecs: str | Sequence[str] | None
    ptime: str | int | None
    session_timer: str | int | None
    privacy: str | None
    header: str | Sequence[str] | None
    ping: str | int | None
    keepalive: str | int | None
    ca_file: str | None
    client_cert: str | None
    client_key: str | None
    prefix: str | None
    caller_id: str | None
    rtp_latching: str | None


class TrunkOptions(FurtherOptions, total=False):
    """What may be given of a trunk."""

    proxy: str | None


_CODECS = {"ALAW": "PCMA", "G711A": "PCMA", "ULAW": "PCMU", "G711U": "PCMU"}
"""What others call them."""


def read(name: str, given: object) -> object:
    """What was given for an option, by a command as text or by a file as TOML has it, as a record keeps
    it. Raises :class:`OptionRefused`. What the values may be is the trunk's to say."""
    option = OPTIONS[name]
    match option.kind, given:
        case "flag", bool():
            return given
        case "flag", "yes" | "no" | "true" | "false":
            return given in ("yes", "true")
        case "flag", _:
            raise OptionRefused(name, "is true or false")
        case "number", _:
            return _number(name, given)
        case "words", str():
            return _words(name, given.split(","))
        case "words", [*several] if all(isinstance(one, str) for one in several):
            return _words(name, [str(one) for one in several])
        case "words", _:
            raise OptionRefused(name, "is a list of words")
        case "lines", str():
            return _lines(name, [given])
        case "lines", [*several] if all(isinstance(one, str) for one in several):
            return _lines(name, [str(one) for one in several])
        case "lines", _:
            raise OptionRefused(name, "is a list of lines")
        case kind, str():
            plain = given if name == "password" else given.strip()
            return plain.lower() if kind == "word" else plain
    raise OptionRefused(name, "is a text")


def _number(name: str, given: object) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 10:
        return int(given)
    raise OptionRefused(name, "is a whole number")


def _words(name: str, several: list[str]) -> tuple[str, ...]:
    words = tuple(word for one in several if (word := one.strip()))
    if name != "codecs":
        return words
    return tuple(_CODECS.get(word.upper(), word.upper()) for word in words)


def _lines(name: str, several: list[str]) -> tuple[tuple[str, str], ...]:
    """An empty line is none, so that there is a way to take them all away."""
    lines = [line for line in several if line.strip()]
    if not all(":" in line for line in lines):
        raise OptionRefused(name, "is NAME: VALUE, such as X-Account: 7")
    pairs = [line.partition(":") for line in lines]
    return tuple((header.strip(), value.strip()) for header, _, value in pairs)
