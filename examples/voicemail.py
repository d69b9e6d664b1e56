"""Voicemail: records what a caller says, plays it back, and prints the link to it."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode
from urllib.request import urlopen
from xml.sax.saxutils import escape

API, ME = os.environ["ONHOOK_API"], os.environ["MY_URL"]
WHO = {"app_id": os.environ["APP_ID"], "access_token": os.environ["ACCESS_TOKEN"]}

GREETING = "We cannot take your call. Please leave a message after the tone, and press hash."


def answer(told: dict[str, str]) -> None:
    """Ask for the block that follows a notification."""
    if link := told.get("record_url"):
        print("a message:", link, flush=True)
    if told["call_state"] == "ended":
        print(f"the call is over: {told['currency']} {told['debit']}", flush=True)
    elif told["ivr_block"] == "answer":
        ask(told, "middle/record", msg=GREETING, max_duration="120")
    elif link:
        ask(told, "end/hangup", msg=f"You said: <url>{escape(link)}</url> Thank you. Good bye.")


def ask(told: dict[str, str], path: str, **params: str) -> None:
    """Make one request about the call that a notification was about."""
    wish = {**WHO, "session": told["session"], "notify_url": ME, **params}
    with urlopen(f"{API}/open/ivr/{path}", urlencode(wish).encode()) as reply:
        print(path, json.load(reply)["status"], flush=True)


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
