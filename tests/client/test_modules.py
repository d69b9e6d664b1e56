"""The clients have all that the declarations have."""

import inspect
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from onhook.api import reference
from onhook.blocks import BLOCKS, ENDPOINTS, NOTICES, Block, Endpoint, Kind
from onhook.client import AsyncClient, Client
from onhook.client.notifications import NOTIFICATIONS

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {Kind.CREDENTIAL, Kind.UNSERVED}


def test_the_modules_are_what_their_script_writes() -> None:
    written = runpy.run_path(str(ROOT / "scripts" / "client_modules.py"))["modules"]()
    at = ROOT / "src" / "onhook" / "client"
    assert {name: (at / name).read_text(encoding="utf-8") for name in written} == written, (
        "run scripts/client_modules.py"
    )


@pytest.mark.parametrize("asked", [*BLOCKS, *ENDPOINTS], ids=lambda one: one.slug)
def test_each_request_is_a_method_with_all_of_its_parameters(asked: Block | Endpoint) -> None:
    wanted = {
        param.attribute if param.is_family else {"from": "from_"}.get(param.name, param.name)
        for param in reference.params(asked)
        if param.kind not in LEFT_OUT
    }
    for client in (Client, AsyncClient):
        method = inspect.signature(getattr(client, asked.slug))
        assert method.parameters.keys() - {"self"} == wanted


def test_each_notification_is_there() -> None:
    told = {notice.name for notice in NOTICES} | {block.name for block in BLOCKS if block.fields}
    assert NOTIFICATIONS.keys() == told


def test_it_loads_nothing_of_the_server() -> None:
    look = "import sys, onhook.client, onhook.client.webhooks; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    loaded = {name for name in run.stdout.split() if name.startswith("onhook.")}
    assert {name.split(".")[1] for name in loaded} == {"client", "notify"}
    assert "aiohttp" not in run.stdout
