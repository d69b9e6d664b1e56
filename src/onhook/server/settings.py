"""Every setting, with its default: from the command line, the environment (``ONHOOK_*``), a TOML file."""

import ipaddress
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from onhook.listeners import ListenAddress
from onhook.phone.nat.given import PublicAddress
from onhook.server import settings_values as values
from onhook.server.settings_names import PREFIX, read_file, unknown_variables
from onhook.server.settings_names import SettingsError as SettingsError  # load raises it
from onhook.server.settings_values import Network as Network
from onhook.speech.voices import VOICE_WAIT_MS

SipListeners = Annotated[tuple[ListenAddress, ...], NoDecode, BeforeValidator(values.sip_listeners)]
HostPort = Annotated[tuple[str, int], NoDecode, BeforeValidator(values.address)]
PortRange = Annotated[tuple[int, int], NoDecode, BeforeValidator(values.port_range)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(values.networks)]
NameServers = Annotated[tuple[tuple[str, int], ...], NoDecode, BeforeValidator(values.name_servers)]
PublicAddresses = Annotated[
    tuple[PublicAddress, ...], NoDecode, BeforeValidator(values.outside_addresses)
]
StunServer = Annotated[tuple[str, int] | None, NoDecode, BeforeValidator(values.stun_server)]
WebAddress = Annotated[str, BeforeValidator(values.web_address)]
Country = Annotated[str, BeforeValidator(values.country)]
CorsOrigins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.origins)]
Seconds = Annotated[tuple[float, ...], NoDecode, BeforeValidator(values.comma_list)]
RejectCode = Annotated[Literal[480, 603], BeforeValidator(values.number)]


class Settings(BaseSettings):
    """The settings of one process. The description of each is shown by ``onhook serve --help``."""

    model_config = SettingsConfigDict(env_prefix="ONHOOK_", extra="forbid", frozen=True)

    http: HostPort = Field(("127.0.0.1", 8080), description="Where the API listens, HOST:PORT.")
    public_url: WebAddress = Field(
        "",
        description="Where customers reach the API, for links to recordings; http:// and the address "
        "of --http unless told.",
    )
    cors_origins: CorsOrigins = Field(
        (),
        description="Web pages and browser extensions that may ask the API from a browser: their "
        "origins, such as https://shop.example.com, or * for all.",
    )
    sip: SipListeners = Field(
        (ListenAddress("127.0.0.1", 5060),),
        description="Where SIP listens: ADDRESS:PORT for UDP and TCP, or several with their "
        "transports, as udp:0.0.0.0:5060,tls:[::]:5061. Audio uses the first address of each family.",
    )
    sip_cert: Path | None = Field(
        None,
        description="The certificate (PEM, with its chain) of TLS listeners; it is read again on SIGHUP.",
    )
    sip_key: Path | None = Field(
        None, description="The key (PEM) of --sip-cert; without it, it is in the same file."
    )
    rtp_ports: PortRange = Field(
        (20000, 29999),
        description="UDP ports for audio, LOW-HIGH: an even one a call, and the odd one above it for RTCP.",
    )
    rtp_latching: Literal["signalled", "any"] = Field(
        "signalled",
        description="Where the first audio of a call that comes in may come from: signalled, the "
        "addresses of its SDP and its signalling; any, everywhere, which lets strangers in.",
    )
    srtp: Literal["off", "prefer", "require"] = Field(
        "prefer",
        description="Encrypted audio (SRTP) of calls that come in by no trunk: prefer takes it where it is "
        "offered, require takes no other call, off refuses it.",
    )
    data: Path = Field(Path("onhook-data"), description="The data directory.")
    database_url: SecretStr = Field(
        SecretStr(""),
        description="postgresql://USER:PASSWORD@HOST:PORT/DATABASE; without it, SQLite in the data "
        "directory. Best given as a variable: options can be seen by other users.",
    )
    config: Path | None = Field(None, description="A TOML file with any of these settings by name.")
    worker: str = Field(
        "main",
        pattern="^[A-Za-z0-9_.-]{1,40}$",
        description="The name of this process. A restart under it recovers the calls of the last.",
    )
    lease_s: float = Field(
        10,
        ge=1,
        le=3600,
        description="On a shared database: a server elsewhere that has the same --worker and was not "
        "heard of for this long is taken for dead.",
    )
    allowed_networks: Networks = Field(
        (), description="CIDRs that customers' URLs may reach besides public addresses."
    )
    trusted_peers: Networks = Field(
        (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")),
        description="CIDRs whose calls are taken.",
    )
    trusted_proxies: Networks = Field(
        (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")),
        description="CIDRs of HTTP proxies in front, of which the console believes X-Forwarded-Proto, "
        "X-Forwarded-For and X-Forwarded-Host.",
    )
    public_address: PublicAddresses = Field(
        (),
        description="Where peers outside the --local-networks reach us, behind address translation: an "
        "address, a name, or auto for what the --stun-server sees, each as HOST:PORT if SIP has another "
        "port there; one for IPv4, one for IPv6. Without it, the address that we have.",
    )
    local_networks: Networks = Field(
        (),
        description="CIDRs whose peers are told our own address; without any, private networks and those "
        "of this machine's interfaces.",
    )
    stun_server: StunServer = Field(
        None,
        description="HOST or HOST:PORT of the STUN server that --public-address auto asks; port 3478 "
        "unless told.",
    )
    dns_servers: NameServers = Field(
        (),
        description="Name servers that are asked where trunks are (NAPTR, SRV, A, AAAA), as ADDRESS or "
        "ADDRESS:PORT; without any, those of /etc/resolv.conf.",
    )
    country: Country = Field(
        "",
        description="The country whose national numbers trunks send, as SG or 65; without it a number "
        "that does not name its country stays as it came.",
    )
    ca_file: Path | None = Field(
        None, description="More roots (PEM) to check customers' certificates against."
    )
    currency: str = Field(
        "SGD", pattern="^[A-Z]{3}$", description="ISO 4217 code of new accounts' money."
    )
    rate: Decimal = Field(
        Decimal("0.020"),
        ge=0,
        max_digits=15,
        decimal_places=6,
        description="Charge for a minute where the rate table has no row.",
    )
    rate_limit: int = Field(
        0, ge=0, description="Block requests a minute for an application; 0 is no limit."
    )
    status_rate_limit: int = Field(
        60,
        ge=0,
        description="Requests a minute for an application at each of the endpoints around accounts, "
        "numbers and the status of calls, voice/hangup and conference/moderate; 0 is no limit.",
    )
    max_calls: int = Field(
        8,
        ge=0,
        description="Calls of an account at the same time, beyond which it places no more; 0 is no limit.",
    )
    shed_lag_ms: int = Field(
        20,
        ge=0,
        le=10_000,
        description="New calls beyond a few a second get 503 while the process is behind with its "
        "work by more than this; 0 takes them whatever it costs those that go on.",
    )
    invites_per_s: int = Field(
        0,
        ge=0,
        description="New calls a second from one address of the trusted peers, beyond which they get "
        "503; 0 is no limit.",
    )
    settle_ms: int = Field(
        100, ge=0, le=5000, description="From the last frame of the last message to the BYE."
    )
    ringing_s: float = Field(
        60,
        gt=0,
        le=180,
        description="A call on which the application does not act rings this long.",
    )
    idle_s: float = Field(
        900, gt=0, description="An answered call without a block is hung up after this."
    )
    session_s: float = Field(
        14400, gt=0, description="No call lasts longer than this in all, from its first ring."
    )
    silence_s: float = Field(
        30,
        ge=0,
        le=3600,
        description="A caller from whom no audio comes for this long is asked by SIP whether it is "
        "still there, and hung up if not; 0 never asks.",
    )
    reject_code: RejectCode = Field(
        603, description="SIP response to a ringing call that is hung up: 603 or 480."
    )
    session_timer_s: int = Field(
        1800,
        ge=0,
        le=86400,
        description="Session timer (RFC 4028), in seconds, of calls to us whose callers know such timers and "
        "ask for none: a caller who is gone is noticed; at least 90, and 0 asks for none. Of calls of ours "
        "each trunk has its own (--session-timer).",
    )
    prepare_s: float = Field(
        15, gt=0, le=60, description="Deadline for preparing a request: names, TLS, speech, files."
    )
    stale_s: float = Field(
        3600,
        ge=0,
        le=86400,
        description="A <url> whose server does not answer is played as it was up to this long ago.",
    )
    prompt_cache_mb: int = Field(
        2048,
        ge=64,
        description="MiB on disk for speech and recordings; the least recently used go first.",
    )
    recordings_kept_s: int = Field(
        30 * 86400,
        ge=60,
        description="Recordings are deleted, and their links expire, after this many seconds.",
    )
    record_beep: bool = Field(True, description="A beep is heard before a recording begins.")
    voices_dir: Path | None = Field(
        None, description="A directory of Piper voices: NAME.onnx beside NAME.onnx.json."
    )
    speech_idle_s: float = Field(
        600,
        ge=0,
        le=86400,
        description="The process that speaks ends, and its models with it, when it has not been needed for "
        "this many seconds; 0 keeps it.",
    )
    voice_wait_ms: int = Field(
        VOICE_WAIT_MS,
        ge=0,
        le=60_000,
        description="A caller waits so many milliseconds for a slow voice (Kokoro); where a new message "
        "would take longer, another voice speaks it, and the slow one makes it for the next time.",
    )
    experimental_voices: bool = Field(
        False,
        description="Voices with a foreign accent speak, too: Kokoro's French man, and its voices for "
        "id, ms, pl, ru and uk.",
    )
    drain_s: float = Field(
        30, ge=0, description="After SIGTERM, running messages may go on for this long."
    )
    hang_s: float = Field(
        30,
        ge=0,
        le=3600,
        description="A process of the server that does not answer for this long is killed and started again; "
        "0 lets it be.",
    )
    keep_audio_s: float = Field(
        30,
        ge=0,
        le=3600,
        description="When the switch dies, the audio of its calls goes on for so long until another has "
        "them; 0 ends it at once.",
    )
    retry_schedule: Seconds = Field(
        (5, 30, 120, 600, 1800, 3600),
        description="Seconds between the tries of a notification; the last repeats up to 24 h.",
    )
    trace_days: int = Field(
        7,
        ge=0,
        le=365,
        description="Keep what passed of each call (SIP messages, states, requests) for so many days, for "
        "'onhook calls trace'; 0 keeps nothing.",
    )
    trace_mb: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        description="At most so much of it, megabytes; then the oldest goes.",
    )
    trace_private: bool = Field(
        False,
        description="Keep in it, too, the texts of messages and which keys were pressed.",
    )
    otlp_endpoint: WebAddress = Field(
        "",
        description="The URL of an OpenTelemetry collector that spans of calls are sent to (OTLP over HTTP, "
        "JSON), as http://127.0.0.1:4318; none are made without it.",
    )
    log_private: bool = Field(
        False, description='Log phone numbers too, under "private"; for a test installation only.'
    )

    def written(self) -> dict[str, Any]:
        """All settings in values of JSON, secrets too, for other processes (`settings_handed`)."""
        return {name: values.plain(getattr(self, name)) for name in type(self).model_fields} | {
            "config": None
        }

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line before environment before file."""
        given = {**env_settings(), **init_settings()}
        config = given.get("config")
        if not config:
            return init_settings, env_settings
        path = Path(str(config))
        values = read_file(path, set(settings_cls.model_fields) - {"config"})
        return init_settings, env_settings, InitSettingsSource(settings_cls, dict(values))


def load(**given: Any) -> Settings:
    """The settings, with ``given`` (those that are not None) before all other sources.

    Raises :class:`SettingsError` with one sentence.
    """
    given = {name: value for name, value in given.items() if value is not None}
    unknown_variables(os.environ, Settings.model_fields)
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        said = _where_said(name, given, os.environ)
        raise SettingsError(f"The setting {said} cannot be used: {_reason(first)}.") from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"The settings cannot be read: {error}.") from error


def _where_said(name: str, given: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """A setting as it was called where its value came from: option, variable, or key of the file."""
    variables = {variable.lower(): variable for variable in environment}
    variable = f"{PREFIX}{name.upper()}"
    if name in given:
        return f"--{name.replace('_', '-')}"
    if variable.lower() in variables:
        return variables[variable.lower()]
    config = given.get("config") or environment.get(variables.get(f"{PREFIX}config".lower(), ""))
    return f"{name} of the file {config}" if config else variable


def _reason(error: Mapping[str, Any]) -> str:
    """What is wrong with a value; our own reasons name it already, and a secret is not for a terminal."""
    reason = str(error["msg"]).removeprefix("Value error, ")
    is_named = error["type"] == "value_error" or error["loc"][:1] == ("database_url",)
    return reason if is_named else f"{reason}, got {str(error['input'])[:80]!r}"
