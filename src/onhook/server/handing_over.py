"""A switch leaves its calls to the next one: at a moment at which nothing is owed, and all is on disk.

What comes then is as after a crash, but for that moment: the media plane goes on, what arrives waits in the
kernel, and the next switch reads the calls from the store. So nothing is taken down here: this process ends.
SIP connections pass to the next switch as they are, with what was read of them and is no message yet; those
with TLS by way of a relay (`relaying.py`). What speaks ends with the switch, so a message that is being made
is made to its end before, and requests that take their time are answered; meanwhile everything else goes on.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

import structlog

from onhook.calls.journal import Journal
from onhook.phone.handover import Handover
from onhook.processes.membership import HANDED_OVER, Membership
from onhook.server.relaying import leave_relay
from onhook.server.web import HttpServer

log = structlog.get_logger()

_QUIET_S: Final = 30.0
"""Messages that are being made have so long; then they end with what there is of them. So have requests,
before others wait for them."""
_LAST_MADE_S: Final = 5.0
"""Those that were begun meanwhile, while no request is taken."""
_ANSWERED_S: Final = 1.0
"""A message that was taken and is not answered then is left: its sender has no answer, as after a crash."""
_WRITTEN_S: Final = 5.0
"""Whatever is then still to be written is left, too."""
_DELIVERED_S: Final = 0.25
"""So is a notification whose receiver takes longer to answer: the next switch has it sent again, under the
same id."""
_LOOK_S: Final = 0.001
_LOOK_MADE_S: Final = 0.02


class HandingOver:
    """Of one switch, at most once. `making` says how many messages are being made, `delivered` whether no
    notification is on its way. What waits for an answer
    of the API has `longest_request_s`; a relay stays for `longest_call_s` at most."""

    def __init__(
        self,
        member: Membership,
        http: HttpServer,
        sip: Handover,
        journal: Journal,
        making: Callable[[], int],
        delivered: Callable[[], bool],
        *,
        longest_request_s: float,
        longest_call_s: float,
    ) -> None:
        self._member = member
        self._http = http
        self._sip = sip
        self._journal = journal
        self._making = making
        self._delivered = delivered
        self._longest_request_s = longest_request_s
        self._longest_call_s = longest_call_s
        self._wanted = asyncio.Event()

    def want(self) -> None:
        """The supervisor asks for it. Nothing is begun that could not be brought to its end."""
        if self._journal.owes:
            self._member.keeps(
                "The database cannot be written: what is owed to it would be lost. Nothing was changed."
            )
        else:
            self._wanted.set()

    async def run(self) -> None:
        """Waits until it is wanted; then this process ends."""
        await self._wanted.wait()
        await self._quiet()
        connections = await self._http.leave(self._longest_request_s)
        self._member.pass_on("http", [(each, None) for each in connections])
        await self._made(_LAST_MADE_S)
        self._sip.pause()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while True:
            # A turn of the loop at least: what was accepted just now is among the connections then.
            await asyncio.sleep(_LOOK_S)
            waited_s = loop.time() - began_s
            answered = self._sip.settled or waited_s > _ANSWERED_S
            delivered = self._delivered() or waited_s > _DELIVERED_S
            if (answered and delivered and self._journal.settled) or waited_s > _WRITTEN_S:
                self._leave()

    async def _quiet(self) -> None:
        """Waits, while everything goes on, until nobody waits for what takes long."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + _QUIET_S
        while (left_s := ends_s - loop.time()) > 0:
            await self._made(left_s)
            await self._http.answered(ends_s - loop.time())
            if not self._making():
                return

    async def _made(self, longest_s: float) -> None:
        """Waits until of every message that plays all is there."""
        if not self._making():
            return
        log.info("messages_awaited", messages=self._making())
        with suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                while self._making():  # noqa: ASYNC110  # nobody tells of what nobody has
                    await asyncio.sleep(_LOOK_MADE_S)

    def _leave(self) -> NoReturn:
        """At the very moment at which all that there is is on disk: what comes next is the next switch's."""
        passed = self._sip.leave()
        if passed.relayed:
            try:
                self._member.leaves_relay(leave_relay(passed.relayed, self._longest_call_s))
            except OSError as error:  # then they end with this process
                log.error("relay_not_started", reason=str(error))
        self._member.pass_on("sip", passed.on)
        log.info("handed_over", connections=len(passed.on), relayed=len(passed.relayed))
        os._exit(HANDED_OVER)
