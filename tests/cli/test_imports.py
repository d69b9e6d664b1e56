"""What a command loads before it knows what is wanted: whoever types it waits for that."""

import subprocess
import sys

from onhook.call import State
from onhook.cli.listing import CallState


def test_the_command_and_its_settings_load_nothing_heavy() -> None:
    look = (
        "import sys, onhook.cli.main, onhook.cli.serving;"
        "print(*{each.partition('.')[0] for each in sys.modules}, *sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    unwanted = {
        *("sqlalchemy", "structlog", "uvloop", "uvicorn", "cryptography", "numpy", "phonenumbers"),
        *("onhook.call", "onhook.store", "onhook.media", "onhook.phone.endpoint", "onhook.notify"),
    }
    assert unwanted.isdisjoint(told.stdout.split())


def test_states_that_calls_are_listed_by_are_those_that_they_have() -> None:
    assert [each.value for each in CallState] == [each.value for each in State]
