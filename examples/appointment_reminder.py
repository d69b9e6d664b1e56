"""Reminds somebody of an appointment: calls, asks for 1 or 2, thanks, and prints the answer.

python appointment_reminder.py +6591112222 "tomorrow at ten"
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode
from urllib.request import urlopen

API, ME = os.environ["ONHOOK_API"], os.environ["MY_URL"]
WHO = {"app_id": os.environ["APP_ID"], "access_token": os.environ["ACCESS_TOKEN"]}

QUESTION = "Press 1 to keep it, or 2 to cancel it."
ANSWERS = {
    "1": ("kept", "Thank you, we will see you then. Good bye."),
    "2": ("cancelled", "We have cancelled it. Good bye."),
}
NO_ANSWER = ("not answered", "We will call again. Good bye.")


def answer(told: dict[str, str]) -> bool:
    """Ask for the block that follows a notification; false when the call is over."""
    if told["call_state"] == "ended":
        outcome = told["tag"] or told.get("dial_status", NO_ANSWER[0])
        print("the appointment:", outcome, flush=True)
        return False
    if told["ivr_block"] == "dial":
        session = told["session"]
        ask("middle/gather", session=session, msg=QUESTION, max_digits="1", attempts="2")
    else:
        outcome, farewell = ANSWERS.get(told["digits"], NO_ANSWER)
        ask("end/hangup", session=told["session"], msg=farewell, tag=outcome)
    return True


def ask(path: str, **params: str) -> str:
    """Make one request; return its status."""
    wish = {**WHO, "notify_url": ME, **params}
    with urlopen(f"{API}/open/ivr/{path}", urlencode(wish).encode()) as reply:
        status = str(json.load(reply)["status"])
    print(path, status, flush=True)
    return status


class Application(BaseHTTPRequestHandler):
    """Takes the notifications."""

    def do_POST(self) -> None:
        """Answer one notification; the last one ends the program."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        goes_on = answer(dict(parse_qsl(body.decode(), keep_blank_values=True)))
        self.send_response(200)
        self.end_headers()
        if not goes_on:
            self.server.shutdown()

    def log_message(self, *_: object) -> None:
        """Leave the terminal to the lines above."""


if __name__ == "__main__":
    number, when = sys.argv[1:]
    port = int(ME.rsplit(":", 1)[1].split("/")[0])
    with ThreadingHTTPServer(("127.0.0.1", port), Application) as server:
        greeting = f"Hello. You have an appointment with us {when}."
        if ask("start/dial", dest=number, msg=greeting, ring_time="30") != "success_ok":
            sys.exit("the call could not be placed")
        server.serve_forever(poll_interval=0.02)  # how soon it notices that the call is over, s
