"""``onhook status``: the processes of a running server."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from onhook.cli.moments import text_of
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
    show_table(columns, [_shown(each) for each in processes])


def _shown(process: Mapping[str, Any]) -> Sequence[object]:
    since = datetime.fromisoformat(process["since"]).astimezone()
    ready = "yes" if process["ready"] else "no"
    return (
        process["role"],
        process["pid"],
        text_of(round(since.timestamp() * 1000), None),
        process["restarts"],
        ready,
    )
