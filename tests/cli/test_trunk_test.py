"""``onhook trunk test``: a real OPTIONS to a peer that answers in its own way, or not at all."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import structlog
from typer.testing import CliRunner

from cli.conftest import Run
from onhook.cli.main import app

Answer = Callable[[str], str]


@pytest.fixture(autouse=True)
def usual_log() -> Iterator[None]:
    """The command keeps the log quiet for its whole process, which goes on here."""
    yield
    structlog.reset_defaults()


@contextmanager
def carrier(*answers: str) -> Iterator[tuple[int, list[str]]]:
    """A peer on UDP that answers each request with the next line and headers; "" says nothing.

    One that comes again, where its answer was late, gets the same answer again.
    """
    heard: list[str] = []
    given: dict[str, str] = {}
    left = iter(answers)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("127.0.0.1", 0))

        def serve() -> None:
            while (came := here.recvfrom(65536))[0]:
                request, peer = came[0].decode(), came[1]
                if request not in given:
                    heard.append(request)
                    given[request] = next(left, "")
                if answer := given[request]:
                    names = ("Via", "From", "To", "Call-ID", "CSeq")
                    lines = [one for one in request.split("\r\n") if one.split(":")[0] in names]
                    text = "\r\n".join([*answer.split("\n"), *lines, "Content-Length: 0"])
                    here.sendto(f"{text}\r\n\r\n".encode(), peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield here.getsockname()[1], heard
        finally:
            here.sendto(b"", here.getsockname())
            thread.join()


def test_a_trunk_that_is_there(run: Run) -> None:
    with carrier("SIP/2.0 200 OK") as (port, heard):
        run("trunk", "add", "one", "--proxy", f"127.0.0.1:{port}", "--from-user", "shop")
        said = run("trunk", "test", "one")
    assert said.startswith(f"one: 127.0.0.1:{port} (UDP) answers 200 OK after ")
    assert said.rstrip().endswith(" ms.")
    assert heard[0].startswith(f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\n")
    assert "From: <sip:shop@" in heard[0]


ASKED = 'SIP/2.0 401 No\nWWW-Authenticate: Digest realm="r", nonce="1"'


@pytest.mark.parametrize(
    ("answers", "given", "ok", "said"),
    [
        (["SIP/2.0 404 Not Found"], [], True, "404 Not Found"),
        (["SIP/2.0 503 No"], [], False, "nobody behind it"),
        ([ASKED], [], False, "there is no user name"),
        ([ASKED, ASKED], ["--username", "u", "--password", "p"], False, "does not accept"),
        ([ASKED, "SIP/2.0 200 OK"], ["--username", "u", "--password", "p"], True, "200 OK"),
        ([f'{ASKED}, qop="auth-int"'], ["--username", "u"], False, "qop auth-int"),
    ],
)
def test_what_an_answer_says(
    run: Run, answers: list[str], given: list[str], ok: bool, said: str
) -> None:
    with carrier(*answers) as (port, heard):
        run("trunk", "add", "one", "--proxy", f"127.0.0.1:{port}", *given)
        ended = CliRunner().invoke(app, ["trunk", "test", "one", "--json"])
    assert (ended.exit_code == 0) == ok
    probed = json.loads(ended.stdout)
    assert said in probed["detail"]
    assert probed["ok"] is ok
    assert probed["status"] == int(answers[-1].split()[1])
    assert probed["round_trip_ms"] >= 0
    assert len(heard) == len(answers)


def test_nobody_there(run: Run) -> None:
    run("trunk", "add", "one", "--proxy", "nobody.invalid", "--outbound-proxy", "nobody.invalid")
    ended = CliRunner().invoke(app, ["trunk", "test", "one"])
    assert (ended.exit_code, "has no address" in ended.stdout) == (1, True)
    assert "There is no trunk" in run("trunk", "test", "other", ok=False)
    with carrier() as (port, _):
        run("trunk", "set", "one", "--proxy", f"127.0.0.1:{port}", "--outbound-proxy", "")
        ended = CliRunner().invoke(app, ["trunk", "test", "one", "--timeout", "0.1", "--json"])
    assert ended.exit_code == 1
    probed = json.loads(ended.stdout)
    assert (probed["status"], probed["round_trip_ms"]) == (None, None)
    assert f"No answer from 127.0.0.1:{port}" in probed["detail"]


def test_why_there_is_no_connection_is_said(run: Run) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        port = closed.getsockname()[1]
        run("trunk", "add", "one", "--proxy", f"127.0.0.1:{port}", "--transport", "tcp")
        ended = CliRunner().invoke(app, ["trunk", "test", "one", "--timeout", "5"])
    assert ended.exit_code == 1
    assert f"No answer from 127.0.0.1:{port} (TCP): " in ended.stdout
    assert "refused" in ended.stdout.lower()
