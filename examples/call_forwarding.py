"""Call forwarding: rings the office, then the mobile phone; whoever reaches nobody leaves a message.

Set OFFICE and MOBILE to the numbers that are called, and the variables of the README.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode
from urllib.request import urlopen

API, ME = os.environ["ONHOOK_API"], os.environ["MY_URL"]
WHO = {"app_id": os.environ["APP_ID"], "access_token": os.environ["ACCESS_TOKEN"]}
OFFICE, MOBILE = os.environ["OFFICE"], os.environ["MOBILE"]

RING = {"ring_time": "20", "on_failure": "continue"}
NOBODY = "Nobody can take your call. Please leave a message."


def answer(told: dict[str, str]) -> None:
    """Ask for the block that follows a notification."""
    block, tag = told["ivr_block"], told["tag"]
    if link := told.get("record_url"):
        print("a message:", link, flush=True)
    if told["call_state"] == "ended":
        print(f"the call is over: {told['currency']} {told['debit']}", flush=True)
    elif block == "answer":
        ask(told, "end/transfer", msg="One moment.", dest=OFFICE, tag="office", **RING)
    elif block == "transfer" and tag == "office":
        ask(told, "end/transfer", dest=MOBILE, tag="mobile", **RING)
    elif block == "transfer":
        ask(told, "middle/record", msg=NOBODY)
    else:
        ask(told, "end/hangup", msg="Thank you. Good bye.")


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
