"""``onhook status``: the processes of a running server."""

import json
from pathlib import Path

from onhook.cli.running import fail
from onhook.cli.tables import show_table
from onhook.server.supervisor.status import NoAnswer, NobodyThere, ask


def show_processes(data: Path, *, as_json: bool) -> None:
    """Prints the processes of the server on a data directory. None there ends the command."""
    try:
        processes = ask(data)
    except NobodyThere:
        fail(f"No server of this user runs on the data directory {data}; --data names another.")
    except NoAnswer as error:
        fail(str(error))
    if as_json:
        print(json.dumps({"processes": processes}))
        return
    columns = ("role", "pid", "since", "restarts", "ready")
    show_table(columns, [[each[column] for column in columns] for each in processes])
