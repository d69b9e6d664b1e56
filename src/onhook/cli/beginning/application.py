"""A first application: a menu by keys. Change what it says, start it again, and call.

`application.toml` beside it says where the server is and whose the calls are; keep that to yourself.
"""

import json
import socket
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlencode
from urllib.request import ProxyHandler, build_opener

SETTINGS = tomllib.loads(Path(__file__).with_name("application.toml").read_text(encoding="utf-8"))
WHO = {"app_id": SETTINGS["app_id"], "access_token": SETTINGS["access_token"]}

MENU = "Press 1 for our opening hours, or 2 to hear from which number you call."
HOURS = "We are open on weekdays from nine to six, and on Saturdays until noon."


def answer(told: dict[str, str]) -> None:
    """Ask for the block that follows a notification."""
    block, digits = told["ivr_block"], told.get("digits", "")
    if told["call_state"] == "ended":
        print(f"the call is over: {told['currency']} {told['debit']}", flush=True)
    elif block == "answer":
        menu(told, f"Welcome. This is your first application. {MENU}")
    elif block == "play":
        menu(told, MENU)
    elif block == "gather" and digits == "1":
        ask(told, "middle/play", msg=HOURS)
    elif block == "gather" and digits == "2":
        ask(
            told, "middle/play", msg=f"You call from {told['from'] or 'a number that is withheld'}."
        )
    else:
        ask(told, "end/hangup", msg="Thank you for calling. Good bye.")


def menu(told: dict[str, str], msg: str) -> None:
    """Say something, and wait for a key."""
    ask(told, "middle/gather", msg=msg, max_digits="1", attempts="3")


def ask(told: dict[str, str], path: str, **params: str) -> None:
    """Make one request about the call that a notification was about."""
    wish = {**WHO, "session": told["session"], "notify_url": SETTINGS["url"], **params}
    url = f"{SETTINGS['api']}/open/ivr/{path}"
    direct = build_opener(ProxyHandler({}))  # the server is at hand, whatever proxy the web has
    with direct.open(url, urlencode(wish).encode()) as reply:
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
    host, _, port = SETTINGS["listen"].rpartition(":")
    if ":" in host:
        ThreadingHTTPServer.address_family = socket.AF_INET6
    with ThreadingHTTPServer((host.strip("[]"), int(port)), Application) as server:
        print("waiting for calls at", SETTINGS["listen"], flush=True)
        server.serve_forever()
