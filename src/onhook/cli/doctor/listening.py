"""Where the server listens, as its settings say."""

from dataclasses import dataclass

from onhook.server.settings import Settings


@dataclass(frozen=True, slots=True)
class Listening:
    """A port of a transport: ``udp``, ``tcp`` or ``tls``."""

    transport: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport} {host}:{self.port}"


def listeners(settings: Settings) -> list[Listening]:
    """Those of SIP; without a transport it is UDP and TCP."""
    return [
        Listening(transport, one.host, one.port)
        for one in settings.sip
        for transport in ((one.transport,) if one.transport else ("udp", "tcp"))
    ]


def http_host(host: str) -> str:
    """Where to ask: a server that listens everywhere is here as well."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
