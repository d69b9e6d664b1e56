"""A conference line: whoever types the same number talks to one another, up to eight."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode
from urllib.request import urlopen

API, ME = os.environ["ONHOOK_API"], os.environ["MY_URL"]
WHO = {"app_id": os.environ["APP_ID"], "access_token": os.environ["ACCESS_TOKEN"]}

WELCOME = "Please type the number of your conference, and then hash."
FULL = "This conference is full, or has no such number. Good bye."


def answer(told: dict[str, str]) -> None:
    """Ask for the block that follows a notification."""
    if told["call_state"] == "ended":
        print(f"a member has left: {told['currency']} {told['debit']}", flush=True)
    elif told["ivr_block"] == "answer":
        ask(told, "middle/gather", msg=WELCOME, max_digits="8", attempts="3")
    elif told["ivr_block"] == "gather":
        room = f"room:conference-{told['digits'] or 'none'}"
        if ask(told, "end/transfer", msg="You are in.", dest=room) != "success_ok":
            ask(told, "end/hangup", msg=FULL)


def ask(told: dict[str, str], path: str, **params: str) -> str:
    """Make one request about the call that a notification was about; return its status."""
    wish = {**WHO, "session": told["session"], "notify_url": ME, **params}
    with urlopen(f"{API}/open/ivr/{path}", urlencode(wish).encode()) as reply:
        status = str(json.load(reply)["status"])
    print(path, status, flush=True)
    return status


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
    port = int(ME.rsplit(":", 1)[1].split("/")[0])
    ThreadingHTTPServer(("127.0.0.1", port), Application).serve_forever()
