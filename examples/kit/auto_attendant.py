"""The auto-attendant with the application kit: what a caller hears is that of ../auto_attendant.py.

Set OFFICE to the number that calls are passed on to, and the variables of the README.
"""

import os

from onhook.app import App, Call

OFFICE = os.environ["OFFICE"]

MENU = "Press 1 for the office, or 2 for our opening hours."
HOURS = "We are open on weekdays from nine to six, and on Saturdays until noon."

app = App()


@app.incoming
async def attendant(call: Call) -> None:
    """Leads a caller through the menu."""
    digits = await call.gather(f"Welcome. {MENU}", max_digits=1, attempts=3)
    while digits == "2":
        await call.play(HOURS)
        digits = await call.gather(MENU, max_digits=1, attempts=3)
    if digits != "1":
        await call.hangup("Sorry, that is not on the menu. Good bye.")
    elif await call.transfer(OFFICE, "One moment.", on_failure="continue") != "answered":
        await call.hangup("Nobody can take your call now. Please try again later.")


if __name__ == "__main__":
    app.run()
