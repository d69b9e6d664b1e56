"""An IVR as one function.

    from onhook.app import App, Call

    app = App()

    @app.incoming
    async def menu(call: Call) -> None:
        digits = await call.gather("Press 1 for our opening hours.", max_digits=1)
        if digits == "1":
            await call.play("We are open from nine to six.")
        await call.hangup("Good bye.")

    app.run()

Each call has a task of its own, in which the function goes from block to block; that the caller has hung up
is an exception, `HungUp`, where it stands. `app` is an ASGI object, and `app.wsgi` a WSGI object.
"""

from onhook.app.app import App
from onhook.app.call import Call
from onhook.app.errors import HungUp, NotAnswered
from onhook.app.placed import Conference
from onhook.client import NoReply, NotSigned, OnhookError, RateLimited, Refused

__all__ = [
    "App",
    "Call",
    "Conference",
    "HungUp",
    "NoReply",
    "NotAnswered",
    "NotSigned",
    "OnhookError",
    "RateLimited",
    "Refused",
]
