"""Networks on one machine: a server behind a router, and everybody else outside.

    inside 10.77.0.2 --- 10.77.0.1 router 45.77.0.1 --- 45.77.0.2 outside

Each is a network namespace, so it takes root, iproute2 and nftables. Where these are missing a test fails and
says so. The addresses outside are public ones: what is private or for documentation, Onhook does not believe.
A thread is in one namespace at a time, with every socket that it makes and every process that it starts.
"""

import ctypes
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

INSIDE = "10.77.0.2"
OUTSIDE = "45.77.0.2"
PUBLIC = "45.77.0.10"
"""What the router maps to the server."""
ANOTHER = "45.77.0.11"
"""What it maps to the server afterwards, if the address is changed."""
ROUTER = "45.77.0.1"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class NoNamespaces(AssertionError):
    """This machine does not let us make networks."""


@dataclass(frozen=True)
class Network:
    """The three namespaces, by name."""

    inside: str
    router: str
    outside: str

    def rules(self, text: str) -> None:
        """Give the router rules of nftables."""
        _run("ip", "netns", "exec", self.router, "nft", "-f", "-", text=text)

    def forgets_after(self, seconds: int) -> None:
        """How long the router remembers a flow of datagrams over which nothing goes."""
        for name in ("udp_timeout", "udp_timeout_stream"):
            setting = f"net.netfilter.nf_conntrack_{name}={seconds}"
            _run("ip", "netns", "exec", self.router, "sysctl", "-q", "-w", setting)


def one_to_one(public: str) -> str:
    """What clouds do: one public address for one private one, all ports as they are. The API here is always
    let in at the first one."""
    return f"""
flush ruleset
table ip nat {{
    chain in {{
        type nat hook prerouting priority dstnat;
        ip daddr {public} dnat to {INSIDE};
        ip daddr {PUBLIC} tcp dport 8080 dnat to {INSIDE};
    }}
    chain out {{ type nat hook postrouting priority srcnat; ip saddr {INSIDE} snat to {public}; }}
}}
"""


ONE_TO_ONE = one_to_one(PUBLIC)
MASQUERADE = f"""
table ip nat {{
    chain in {{
        type nat hook prerouting priority dstnat;
        ip daddr {PUBLIC} tcp dport 8080 dnat to {INSIDE};
    }}
    chain out {{ type nat hook postrouting priority srcnat; ip saddr {INSIDE} snat to {PUBLIC}; }}
}}
table ip closed {{
    chain to_the_router {{
        type filter hook input priority filter; iifname "out0" udp dport != 0 drop;
    }}
    chain through {{
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ip saddr {INSIDE} accept
        tcp dport 8080 accept
    }}
}}
"""
"""What routers at home do: nothing comes in that nobody inside has asked for. The API here is let in."""


@contextmanager
def network(rules: str) -> Iterator[Network]:
    """Namespaces of their own, which are gone afterwards, whatever runs in them."""
    missing = [tool for tool in ("ip", "nft", "sysctl") if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        raise NoNamespaces(
            f"networks need root, and {', '.join(missing) or 'their tools'}: apt install iproute2 nftables"
        )
    mark = uuid.uuid4().hex[:6]
    made = Network(f"oh-in-{mark}", f"oh-nat-{mark}", f"oh-out-{mark}")
    try:
        _lay(made)
        made.rules(rules)
        yield made
    finally:
        for name in (made.inside, made.router, made.outside):
            subprocess.run(["ip", "netns", "delete", name], check=False, stderr=subprocess.DEVNULL)


@contextmanager
def within(name: str) -> Iterator[None]:
    """This thread is in a namespace: its sockets, its processes, and the threads that it starts."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _enter(os.open(Path("/run/netns") / name, os.O_RDONLY))
        yield
    finally:
        _enter(before)


def _enter(namespace: int) -> None:
    try:
        if _libc.setns(namespace, _CLONE_NEWNET):
            raise NoNamespaces(os.strerror(ctypes.get_errno()))
    finally:
        os.close(namespace)


def _lay(made: Network) -> None:
    for name in (made.inside, made.router, made.outside):
        _run("ip", "netns", "add", name)
        _run("ip", "-n", name, "link", "set", "lo", "up")
    _join(made.router, "in0", "10.77.0.1/24", made.inside, f"{INSIDE}/24")
    _join(made.router, "out0", f"{ROUTER}/24", made.outside, f"{OUTSIDE}/24")
    for public in (PUBLIC, ANOTHER):
        _run("ip", "-n", made.router, "addr", "add", f"{public}/24", "dev", "out0")
    _run("ip", "-n", made.inside, "route", "add", "default", "via", "10.77.0.1")
    _run("ip", "netns", "exec", made.router, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")


def _join(router: str, device: str, address: str, other: str, theirs: str) -> None:
    peer = ("peer", "name", "eth0", "netns", other)
    _run("ip", "-n", router, "link", "add", device, "type", "veth", *peer)
    for name, link, has in ((router, device, address), (other, "eth0", theirs)):
        _run("ip", "-n", name, "addr", "add", has, "dev", link)
        _run("ip", "-n", name, "link", "set", link, "up")


def _run(*command: str, text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNamespaces(f"{' '.join(command)}: {done.stderr.strip()}")
