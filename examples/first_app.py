"""A first application: greets every caller, hangs up, and prints the bill."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode
from urllib.request import urlopen

API, ME = os.environ["ONHOOK_API"], os.environ["MY_URL"]
WHO = {"app_id": os.environ["APP_ID"], "access_token": os.environ["ACCESS_TOKEN"]}


class Application(BaseHTTPRequestHandler):
    """Answers the notifications."""

    def do_POST(self) -> None:
        """Say good bye to a ringing call; print what an ended one cost."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = dict(parse_qsl(body.decode()))
        print(f"notification: {told['ivr_block']}, the call is {told['call_state']}", flush=True)
        if told["call_state"] == "ringing":
            message = "Thank you for calling. We are closed today. Good bye."
            wish = {**WHO, "session": told["session"], "msg": message, "notify_url": ME}
            with urlopen(f"{API}/open/ivr/end/hangup", urlencode(wish).encode()) as reply:
                print("hang up with a message:", reply.read().decode(), flush=True)
        else:
            print(f"{told['duration']} minute, {told['currency']} {told['debit']}", flush=True)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Leave the terminal to the lines above."""


if __name__ == "__main__":
    port = int(ME.rsplit(":", 1)[1].split("/")[0])
    ThreadingHTTPServer(("127.0.0.1", port), Application).serve_forever()
