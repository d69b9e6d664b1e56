"""The program that `onhook serve` becomes, once settings are read and sockets are bound."""

import json
import os
import sys

from onhook.server.supervisor.inheritance import Inheritance
from onhook.server.supervisor.supervisor import Supervisor


def main() -> int:
    """Reads what the command left behind (`onhook.server.launch`), and runs until the server ends."""
    with os.fdopen(int(sys.argv[1]), "rb") as left:
        inheritance = Inheritance(**json.load(left))
    for descriptor in (*inheritance.sockets.values(), *inheritance.kept_open):
        os.set_inheritable(descriptor, False)
    return Supervisor(inheritance).run()


if __name__ == "__main__":
    sys.exit(main())
