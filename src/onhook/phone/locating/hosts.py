"""Names of this machine, and what its resolver says where no name server does."""

import asyncio
import socket
from ipaddress import ip_address
from pathlib import Path

HOSTS_FILE = Path("/etc/hosts")
KEPT_S = 30.0
"""Nothing says for how long they hold."""
_LOOPBACK = ("127.0.0.1", "::1")


class HostsFile:
    """`localhost` (RFC 6761 6.3), and the names of /etc/hosts, which is read again when it has changed."""

    def __init__(self, path: Path = HOSTS_FILE) -> None:
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._names: dict[str, list[str]] = {}

    def addresses(self, name: str) -> tuple[str, ...]:
        """The addresses of a name; none if it is not one of this machine."""
        self._refresh()
        name = name.lower().rstrip(".")
        found = self._names.get(name, [])
        if not found and (name == "localhost" or name.endswith(".localhost")):
            return _LOOPBACK
        return tuple(found)

    def _refresh(self) -> None:
        try:
            about = self._path.stat()
            version = (about.st_mtime_ns, about.st_size)
            if version != self._read_at:
                text = self._path.read_text(encoding="utf-8", errors="replace")
                self._names, self._read_at = _read(text), version
        except OSError:
            self._names, self._read_at = {}, None


def _read(text: str) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for line in text.splitlines():
        host, *aliases = line.partition("#")[0].split() or [""]
        try:
            address = str(ip_address(host))
        except ValueError:
            continue
        for alias in aliases:
            addresses = names.setdefault(alias.lower().rstrip("."), [])
            if address not in addresses:
                addresses.append(address)
    return names


async def by_the_system(name: str) -> tuple[str, ...]:
    """What getaddrinfo says, in its order (RFC 6724): search domains, mDNS, whatever the machine has.

    None for a name that it does not know. Raises OSError when it cannot tell.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
            return ()
        raise
    except UnicodeError:  # no host name
        return ()
    return tuple(dict.fromkeys(str(where[4][0]).partition("%")[0] for where in found))
