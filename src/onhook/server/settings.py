"""Every setting, with its default: from the command line, the environment (``ONHOOK_*``), a TOML file."""

import ipaddress
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(Exception):
    """A setting cannot be used; the message names it and says what is wrong."""


def _address(value: object) -> object:
    """``HOST:PORT`` as a pair; an IPv6 host in brackets."""
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"expected HOST:PORT, got {value!r}")
    return host.strip("[]") or "0.0.0.0", int(port)


def _port_range(value: object) -> object:
    """``LOW-HIGH``, both included, as a pair."""
    if not isinstance(value, str):
        return value
    low, dash, high = value.partition("-")
    if not dash or not (low.isascii() and low.isdigit() and high.isascii() and high.isdigit()):
        raise ValueError(f"expected LOW-HIGH, got {value!r}")
    if not 1024 <= int(low) < int(high) <= 65535:
        raise ValueError(f"expected 1024 <= LOW < HIGH <= 65535, got {value!r}")
    return int(low), int(high)


def _comma_list(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


HostPort = Annotated[tuple[str, int], NoDecode, BeforeValidator(_address)]
PortRange = Annotated[tuple[int, int], NoDecode, BeforeValidator(_port_range)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_comma_list)]
Seconds = Annotated[tuple[float, ...], NoDecode, BeforeValidator(_comma_list)]


class Settings(BaseSettings):
    """The settings of one process. The description of each is shown by ``onhook serve --help``."""

    model_config = SettingsConfigDict(env_prefix="ONHOOK_", extra="forbid", frozen=True)

    http: HostPort = Field(("127.0.0.1", 8080), description="Where the API listens, HOST:PORT.")
    sip: HostPort = Field(("127.0.0.1", 5060), description="Where SIP listens (UDP), HOST:PORT.")
    rtp_ports: PortRange = Field(
        (20000, 29999), description="UDP ports for audio, LOW-HIGH; even ones are used, one a call."
    )
    data: Path = Field(Path("onhook-data"), description="The data directory.")
    config: Path | None = Field(None, description="A TOML file with any of these settings.")
    allowed_networks: Networks = Field(
        (), description="CIDRs that customers' URLs may reach besides public addresses."
    )
    trusted_peers: Networks = Field(
        (ipaddress.ip_network("127.0.0.0/8"),), description="CIDRs whose calls are taken."
    )
    ca_file: Path | None = Field(
        None, description="More roots (PEM) to check customers' certificates against."
    )
    currency: str = Field("SGD", pattern="^[A-Z]{3}$", description="ISO 4217 code of the charges.")
    rate: Decimal = Field(
        Decimal("0.020"), ge=0, max_digits=12, decimal_places=3, description="Charge for a minute."
    )
    rate_limit: int = Field(
        0, ge=0, description="Block requests a minute for an application; 0 is no limit."
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
    reject_code: Literal[480, 603] = Field(
        603, description="SIP response to a ringing call that is hung up: 603 or 480."
    )
    prepare_s: float = Field(
        15, gt=0, le=60, description="Deadline for preparing a request: names, TLS, speech, files."
    )
    drain_s: float = Field(
        30, ge=0, description="After SIGTERM, running messages may go on for this long."
    )
    retry_schedule: Seconds = Field(
        (5, 30, 120, 600, 1800, 3600),
        description="Seconds between the tries of a notification; the last repeats up to 24 h.",
    )
    log_private: bool = Field(
        False, description="Log phone numbers too; for a test installation only."
    )

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
        sources = [init_settings, env_settings]
        given = {**env_settings(), **init_settings()}
        if given.get("config"):
            sources.append(TomlConfigSettingsSource(settings_cls, Path(str(given["config"]))))
        return tuple(sources)


def load(**given: Any) -> Settings:
    """The settings, with ``given`` (those that are not None) before all other sources.

    Raises :class:`SettingsError` with one sentence.
    """
    given = {name: value for name, value in given.items() if value is not None}
    config = given.get("config")
    if config is not None and not Path(config).is_file():
        raise SettingsError(f"The settings file {config} is not there or not a file.")
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        reason = str(first["msg"]).removeprefix("Value error, ")
        option = f"--{name.replace('_', '-')}" if name in given else f"ONHOOK_{name.upper()}"
        raise SettingsError(f"The setting {option} cannot be used: {reason}.") from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"The settings cannot be read: {error}.") from error
