"""A second factor by phone: reads a code aloud, then checks what is typed.

python two_factor.py +6591112222
"""

import json
import os
import queue
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode
from urllib.request import urlopen

API, ME = os.environ["ONHOOK_API"], os.environ["MY_URL"]
WHO = {"app_id": os.environ["APP_ID"], "access_token": os.environ["ACCESS_TOKEN"]}

ATTEMPTS = 3
over: queue.Queue[str] = queue.Queue()
"""Told how the call was answered, once it is over."""


def answer(told: dict[str, str]) -> None:
    """Hang up once the code was heard; tell the program when the call is over."""
    if told["call_state"] == "ongoing":
        ask("end/hangup", session=told["session"], msg="Good bye.", tag="heard")
    else:
        over.put(told["tag"] or told["dial_status"])


def ask(path: str, **params: str) -> str:
    """Make one request; return its status."""
    wish = {**WHO, "notify_url": ME, **params}
    with urlopen(f"{API}/open/ivr/{path}", urlencode(wish).encode()) as reply:
        return str(json.load(reply)["status"])


def read_aloud(code: str) -> str:
    """Write a code so that it is spoken digit by digit, twice."""
    spoken = ", ".join(code)
    return f"Your code is: {spoken}. I repeat: {spoken}."


class Application(BaseHTTPRequestHandler):
    """Takes the notifications."""

    def do_POST(self) -> None:
        """Answer one notification."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer(dict(parse_qsl(body.decode(), keep_blank_values=True)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Leave the terminal to the lines above."""


if __name__ == "__main__":
    (number,) = sys.argv[1:]
    code = f"{secrets.randbelow(1_000_000):06}"
    port = int(ME.rsplit(":", 1)[1].split("/")[0])
    server = ThreadingHTTPServer(("127.0.0.1", port), Application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if (status := ask("start/dial", dest=number, msg=read_aloud(code))) != "success_ok":
        sys.exit(f"the call could not be placed: {status}")
    if (outcome := over.get()) != "heard":
        sys.exit(f"the code was not heard: {outcome}")
    for _ in range(ATTEMPTS):
        print("The code that you heard:", flush=True)
        if secrets.compare_digest(sys.stdin.readline().strip().encode(), code.encode()):
            print("right", flush=True)
            sys.exit()
        print("wrong", flush=True)
    sys.exit("too many attempts")
