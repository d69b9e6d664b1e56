"""Applications that are no ASGI: a WSGI object, a class of request handlers."""

import os
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl

import pytest

from onhook.simulator import Phone, Simulator
from simulator.ivr import act

NUMBER = "+6531234567"


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    act(dict(parse_qsl(body.decode(), keep_blank_values=True)))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b""]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        act(dict(parse_qsl(body.decode(), keep_blank_values=True)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Leaves the terminal alone."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as one, mock.patch.dict(os.environ, one.environment):
        yield one


@pytest.mark.parametrize("ivr", [wsgi, Handler])
def test_it_is_called_and_answers(simulator: Simulator, ivr: object) -> None:
    simulator.serve(ivr)
    simulator.begin_anew()
    call = Phone(simulator).call(NUMBER)
    call.hears("Press 1 or 2")
    call.press("2")
    call.hears("from nine to six")
    call.is_hung_up_after("Good bye.")
    assert [one["ivr_block"] for one in call.notifications] == [
        "answer",
        "gather",
        "play",
        "hangup",
    ]
