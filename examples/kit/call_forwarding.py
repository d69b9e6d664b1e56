"""Call forwarding with the application kit: what a caller hears is that of ../call_forwarding.py.

Set OFFICE and MOBILE to the numbers that are called, and the variables of the README.
"""

import os

from onhook.app import App, Call

NUMBERS = [os.environ["OFFICE"], os.environ["MOBILE"]]

app = App()


@app.incoming
async def forward(call: Call) -> None:
    """Calls one number after the other; whoever reaches nobody leaves a message."""
    msg: str | None = "One moment."
    for number in NUMBERS:
        if await call.transfer(number, msg, on_failure="continue", ring_time=20) == "answered":
            return
        msg = None
    print("a message:", await call.record("Nobody can take your call. Please leave a message."))
    await call.hangup("Thank you. Good bye.")


if __name__ == "__main__":
    app.run()
