"""The samples of the reference, typed to a real server: it takes each for a request of its page."""

import json
import re
import shlex
import subprocess
from pathlib import Path

from acceptance.harness import Onhook
from acceptance.newcomer import ROOT, Newcomer
from pages.reading import blocks, name

PAGES = sorted((ROOT / "docs/reference").glob("*.md"))
COMPLAINTS = re.compile(
    r"error_(malformed_params|\w+_param_missing|invalid_(access_token|app_id)|)"
)
"""What is wrong with a request itself, whatever there is or is not at the server."""


def asked(newcomer: Newcomer, server: Onhook, command: str) -> str:
    """The status of the reply to a curl with the credentials that there are."""
    for parameter, value in newcomer.made.items():
        command = re.sub(rf"{parameter}=\S+", f"{parameter}={value}", command)
    words = shlex.split(command.replace("http://127.0.0.1:8080", server.url).replace("\\\n", ""))
    assert words[0] == "curl"
    said = subprocess.check_output([*words, "--silent", "--noproxy", "*"], text=True)
    status: str = json.loads(said)["status"]
    return status


def test_each_is_taken(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    server = newcomer.server = Onhook({}, tmp_path / "data")
    newcomer.variables["ONHOOK_DATA"] = str(server.data)
    try:
        newcomer.type("onhook app create shop")
        newcomer.made = {each: newcomer.made[each] for each in ("app_id", "access_token")}
        replies = {}
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            for command in blocks(text, "sh"):
                status = replies[name(page)] = asked(newcomer, server, command)
                assert f"| `{status}` |" in text, (name(page), status)
    finally:
        server.close()
    assert len(replies) > 20
    assert not {page: one for page, one in replies.items() if COMPLAINTS.fullmatch(one)}
