"""What stands by, and has loaded what others need."""

import subprocess
import sys

_LOADS = """
import os
from onhook.processes import spare

os.nice(15)
if os.getuid() == 0:
    os.setuid(65534)
print(spare._beside(lambda: "loaded"))
"""


def test_an_ordinary_user_who_gives_way_more_than_it_does_can_load_a_program() -> None:
    """Only root may make a thread more urgent."""
    loaded = subprocess.run(
        [sys.executable, "-c", _LOADS], capture_output=True, text=True, check=False
    )
    assert (loaded.stdout, loaded.stderr) == ("loaded\n", "")
