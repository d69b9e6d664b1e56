"""The program that stands by for the switch: it has loaded all that one loads, and forks the next."""

import sys
from importlib import import_module
from typing import Final

from onhook.processes import spare
from onhook.processes.membership import Membership

_OF_DATABASE: Final = {
    True: "onhook.store.postgresql",
    False: "onhook.store.sqlite",
}
"""What a switch loads as it opens its database, by whether that is one with a URL."""


def _load(member: Membership) -> spare.Program:
    from onhook.server import switch_process

    program = switch_process.load()
    import_module(_OF_DATABASE[bool(member.settings["database_url"])])
    return program


if __name__ == "__main__":
    sys.exit(spare.serve(_load))
