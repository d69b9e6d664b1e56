"""A trunk as people and programs read it: everything but its password."""

from collections.abc import Mapping
from typing import Any

from onhook.administration.trunk_options import OPTIONS, TrunkOption
from onhook.phone.addresses import bracketed
from onhook.phone.trunk import default_port
from onhook.phone.trunks.checks import is_numeric
from onhook.store import TrunkRecord

IN_A_LIST = ("trunk", "prefix", "proxy", "transport", "username", "caller_id", "rtp_latching")
"""What a table of many has room for."""


def shown(trunk: TrunkRecord) -> dict[str, Any]:
    """Its options under their names; ``password`` is whether there is one. An empty prefix is ``*``."""
    own: dict[str, Any] = {
        "proxy": _proxy(trunk),
        "prefix": f"+{trunk.prefix}" if trunk.prefix else "*",
        "password": bool(trunk.password_encrypted),
        "header": [f"{name}: {value}" for name, value in trunk.headers],
        "codecs": list(trunk.codecs),
        "inbound": list(trunk.inbound),
    }
    kept = {
        name: getattr(trunk, option.field or name)
        for name, option in OPTIONS.items()
        if name not in own
    }
    all_of_it = {**kept, **own}
    first = {name: all_of_it.pop(name) for name in IN_A_LIST if name in all_of_it}
    return {"trunk": trunk.name, **first, **{n: all_of_it[n] for n in OPTIONS if n in all_of_it}}


def at_default(values: Mapping[str, Any]) -> list[str]:
    """Which options of what is shown are as if nobody had given them."""
    return [name for name, option in OPTIONS.items() if values[name] == _default(option)]


def said(value: object) -> str:
    """For a person."""
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value))
    return str(value)


def _default(option: TrunkOption) -> object:
    if option.name == "password":
        return False
    return list(option.default) if isinstance(option.default, tuple) else option.default


def _proxy(trunk: TrunkRecord) -> str:
    """Of an address the port is known; of a name without one DNS decides."""
    numeric = is_numeric(trunk.proxy_host)
    host = bracketed(trunk.proxy_host)
    port = trunk.proxy_port or (default_port(trunk.transport) if numeric else 0)
    return f"{host}:{port}" if port else host
