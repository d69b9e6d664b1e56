"""deploy/compose.yaml is started as docs/deploying.md says: Onhook, PostgreSQL beside it, and real calls."""

import json
import re
from pathlib import Path

import pytest

from deploy.apart import ran
from deploy.calling import an_application, call
from deploy.composed import Composed, make_postgres
from deploy.containerfile import ROOT
from deploy.image import Image
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from ports import free_port

pytestmark = pytest.mark.slow  # two images are made

HEADING = "### With PostgreSQL: compose"
OURS = "--filter=label=io.podman.compose.project=onhook"
"""podman-compose marks so what it makes, by the name that stands in the file."""
CONTAINERS = ("ps", "--all", "--quiet", OURS)
VOLUMES = ("volume", "ls", "--quiet", OURS)


def typed() -> list[str]:
    """What the page has before the line that starts both."""
    page = (ROOT / "docs/deploying.md").read_text()
    section = page.partition(f"{HEADING}\n")[2].partition("\n#")[0]
    lines = re.findall(r"^    (.+)$", section, re.MULTILINE)
    assert lines.pop() == "docker compose -f deploy/compose.yaml up --detach --build"
    return lines


async def test_calls_are_taken_and_kept_in_postgresql_which_may_start_again(
    image: Image, tmp_path: Path
) -> None:
    make_postgres(image, tmp_path)
    http, sip = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    host, _, port = sip.rpartition(":")
    where = (host, int(port))
    composed = Composed(
        image,
        tmp_path,
        {
            "ONHOOK_HTTP": http,
            "ONHOOK_SIP": sip,
            "ONHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
            "ONHOOK_SHED_LAG_MS": "0",
        },
    )
    ran(["sh", "-ec", "\n".join([f"cd {tmp_path}", *typed()])])
    with composed:
        composed.starts()
        assert composed.podman(*CONTAINERS) != ""
        assert composed.podman(*VOLUMES) != ""
        async with Receiver() as receiver, Phone() as phone:
            made = an_application(composed.onhook, receiver)
            called = await call(phone, where, f"http://{http}", made, receiver)
            assert (await called.hang_up())["debit"] == "0.020"
            composed.compose("restart", "database")
            composed.becomes_ready()
            called = await call(phone, where, f"http://{http}", made, receiver)
            assert (await called.hang_up())["debit"] == "0.020"
        assert len(json.loads(composed.onhook("calls", "list", "--json"))) == 2
        assert composed.in_postgresql("SELECT count(*) FROM calls") == "2"
    assert image.podman(*CONTAINERS) == ""
    assert image.podman(*VOLUMES) == ""
