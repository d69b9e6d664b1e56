"""Callers, callees and the application of the server that is killed again and again.

What becomes of a call is drawn by lot: what the caller does, what the application asks for, and what
whoever is called does. A server that is not there answers nobody, and nobody minds.
"""

import asyncio
import random
from collections.abc import Coroutine, Mapping
from itertools import count

import aiohttp

from acceptance.harness import Callee, Customer
from onhook.testing.api_client import ApiClient, ApiReplyError
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone_call import PhoneCall, PhoneError
from onhook.testing.receiver import Notification, Reply

SHORT = "Good bye."
LONG = "This message takes a while, so that a server can be killed in the middle of it."
WARMING = "+6590000000"
"""Calls that only have the messages spoken for the first time."""
ROOM = "room:R1"

ASKED = {
    "play": {"path": "ivr/middle/play", "msg": LONG},
    "force": {"path": "ivr/middle/play", "msg": LONG},
    "caller": {"path": "ivr/middle/play", "msg": LONG},
    "wait": {"path": "ivr/middle/play", "msg": SHORT},
    "play_then_last_words": {"path": "ivr/middle/play", "msg": SHORT},
    "last_words": {"path": "ivr/end/hangup", "msg": SHORT},
    "reject": {"path": "ivr/end/hangup"},
    "gather": {"path": "ivr/middle/gather", "timeout": "2", "max_digits": "4"},
    "keys": {"path": "ivr/middle/send_digits", "digits": "12,34,5#", "msg": SHORT},
    "record": {"path": "ivr/middle/record", "max_duration": "2"},
    "monitor": {"path": "ivr/middle/monitor"},
    "hold": {"path": "ivr/middle/hold"},
    "transfer": {"path": "ivr/end/transfer", "ring_time": "2"},
    "room": {"path": "ivr/end/transfer", "dest": ROOM},
}
"""What the application asks for while a call rings, by plan."""

PLACED = {
    "dial": {"path": "ivr/start/dial", "ring_time": "3", "msg": SHORT},
    "pair": {"path": "voice/call"},
    "conference": {"path": "conference/call", "room": "R1"},
}
"""Calls that the application places, by plan."""

PLANS = ("ring", *ASKED, *PLACED)

_LEAVING = ("caller", "hold", "transfer", "room")
"""Plans whose callers hang up after a while: nobody else would."""


class Cast:
    """Everybody but the server. ``settle`` returns when they have done what they are going to do."""

    def __init__(self, chance: random.Random, customer: Customer, callee: Callee) -> None:
        self.customer = customer
        self.callee = callee
        self.calls: list[PhoneCall] = []
        """Calls to the server that were not looked at yet."""
        self.accepted: set[str] = set()
        """References of calls that the server said it would place."""
        self.plans: dict[str, str] = {}
        """By the caller's number."""
        self.says_something_new = False
        """Whether no message is one that was spoken before."""
        self._messages = count(1)
        self._random = chance
        self._callers = count(81_000_000)  # not those that calls are placed to
        self._work: set[asyncio.Task[None]] = set()
        callee.phone.on_call = self._pick_up

    async def settle(self) -> None:
        """Waits for everybody."""
        await asyncio.gather(*self._work, return_exceptions=True)

    async def close(self) -> None:
        """Whatever they are doing, they stop."""
        for task in self._work:
            task.cancel()
        await self.settle()

    def place(self, delay_s: float) -> None:
        """Somebody is going to call, or to be called."""
        self._spawn(self._place(delay_s))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _moment(self, longest_s: float) -> None:
        await asyncio.sleep(self._random.uniform(0.0, longest_s))

    # Callers --------------------------------------------------------------------------------------

    async def _place(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        plan = self._random.choice(PLANS)
        if plan in PLACED:
            await self._with_api(plan)
            return
        caller = f"+65{next(self._callers)}"
        self.plans[caller] = plan
        customer = self.customer
        call = await customer.phone.call(customer.number, server=customer.server.sip, caller=caller)
        self.calls.append(call)
        try:
            if plan == "gather":
                await call.answered()
                await self._moment(0.5)
                await call.send_digits(self._random.choice(("1", "1234", "12#")))
            elif plan in _LEAVING:
                await self._moment(1.0 if plan == "caller" else 3.0)
                await (call.hang_up(timeout_s=20) if call.is_up() else call.cancel(timeout_s=20))
        except PhoneError:
            return  # it was ended, or crossed, meanwhile

    # Callees --------------------------------------------------------------------------------------

    async def _pick_up(self, call: IncomingPhoneCall) -> None:
        """Busy, slow, never, or soon; who has answered hangs up in the end."""
        fate = self._random.choice(("busy", "never", "slow", "soon", "soon", "soon"))
        try:
            call.ring()
            await self._moment(3.0 if fate == "slow" else 0.4)
            if fate == "busy":
                call.reject(486)
            elif fate != "never":
                await call.answer(timeout_s=30)
                await self._moment(2.5)
                await call.hang_up(timeout_s=20)
        except PhoneError:
            return  # the server was quicker

    # The application ------------------------------------------------------------------------------

    async def application(self, told: Notification) -> Reply:
        """What the web server of the customer does with a notification."""
        plan = self.plans.get(told.get("from") or "", "")
        self._spawn(self._with_api(plan, told))
        slow = self._random.random() < 0.3
        return Reply(delay_s=self._random.uniform(0.0, 0.3) if slow else 0.0)

    async def _with_api(self, plan: str, told: Notification | None = None) -> None:
        """Places a call, or does what comes next with one; a server that is gone does not answer."""
        try:
            async with self.customer.api as api:
                if told is None:
                    await self._order(api, plan)
                elif told["call_state"] == "ringing":
                    await self._begin(api, plan, told["session"])
                elif told["call_state"] == "ongoing":
                    await self._go_on(api, plan, told["session"])
        except (aiohttp.ClientError, ApiReplyError, TimeoutError):
            return

    def _url(self, what: str) -> str:
        return self.customer.receiver.url(f"/{what}")

    def _with_new_words(self, params: Mapping[str, str]) -> dict[str, str]:
        """Parameters of a block; a message is another one than those before, if that is wanted."""
        new = self.says_something_new and "msg" in params
        return {**params, "msg": f"{params['msg']} {next(self._messages)}."} if new else {**params}

    async def _order(self, api: ApiClient, plan: str) -> None:
        params = self._with_new_words(PLACED[plan])
        one, other = self.callee.another(), self.callee.another()
        numbers = {
            "dial": {"dest": one},
            "pair": {"dest1": one, "dest2": other},
            "conference": {"dest": f"{one},{other}"},
        }
        reply = await api.post(
            params.pop("path"), notify_url=self._url(plan), **params, **numbers[plan]
        )
        if reply["status"] == "success_ok":
            self.accepted |= set(reply.get("txn_refs") or [reply["txn_ref"]])

    async def _begin(self, api: ApiClient, plan: str, session: str) -> None:
        """What a call that rings is answered with, if anything."""
        if plan not in ASKED:
            return
        params = {"session": session, **self._with_new_words(ASKED[plan])}
        path = params.pop("path")
        if plan != "hold":
            params["notify_url"] = self._url(plan)
        if plan == "monitor":
            params["monitor_notify_url"] = self._url("recordings")
        if plan == "transfer":
            params["dest"] = self.callee.another()
            params["on_failure"] = self._random.choice(("hangup", "continue"))
        await api.post(path, **params)
        if plan == "force":
            await self._moment(1.5)
            end = {"session": session, "notify_url": self._url("end")}
            await api.post("ivr/end/hangup", force="enabled", **end)
        elif plan == "hold":
            await self._moment(2.0)
            await api.post("ivr/middle/unhold", session=session, notify_url=self._url("unhold"))

    async def _go_on(self, api: ApiClient, plan: str, session: str) -> None:
        """What follows the first block."""
        if plan == "play_then_last_words":
            end = {"session": session, "notify_url": self._url("end")}
            await api.post("ivr/end/hangup", msg=SHORT, **end)
        elif plan == "monitor":
            play = {"session": session, "notify_url": self._url("played")}
            await api.post("ivr/middle/play", msg=LONG, **play)
