"""An auto-attendant: a menu by keys; 1 is joined to the office, 2 hears when it is open.

Set OFFICE to the number that calls are passed on to, and the variables of the README.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode
from urllib.request import urlopen

API, ME, OFFICE = os.environ["ONHOOK_API"], os.environ["MY_URL"], os.environ["OFFICE"]
WHO = {"app_id": os.environ["APP_ID"], "access_token": os.environ["ACCESS_TOKEN"]}

MENU = "Press 1 for the office, or 2 for our opening hours."
HOURS = "We are open on weekdays from nine to six, and on Saturdays until noon."


def answer(told: dict[str, str]) -> None:
    """Ask for the block that follows a notification."""
    block, digits = told["ivr_block"], told.get("digits", "")
    if told["call_state"] == "ended":
        print(f"the call is over: {told['currency']} {told['debit']}", flush=True)
    elif block == "answer":
        ask(told, "middle/gather", msg=f"Welcome. {MENU}", max_digits="1", attempts="3")
    elif block == "play":
        ask(told, "middle/gather", msg=MENU, max_digits="1", attempts="3")
    elif block == "gather" and digits == "1":
        ask(told, "end/transfer", msg="One moment.", dest=OFFICE, on_failure="continue")
    elif block == "gather" and digits == "2":
        ask(told, "middle/play", msg=HOURS)
    elif block == "transfer":
        ask(told, "end/hangup", msg="Nobody can take your call now. Please try again later.")
    else:
        ask(told, "end/hangup", msg="Sorry, that is not on the menu. Good bye.")


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
