"""The credit of prepaid accounts: held step by step, so that a call never costs more than is there.

A call holds the cost of its first step from its arrival, and that of each further step shortly before
it begins; what one call holds no other one gets. If the next step cannot be had, the call ends where
the last one does. Holds are kept in memory, by the process whose calls they are.

A call that is passed on costs, from its first second, the sum of its legs' rates (reference, section 5:
debit = rate x duration). So before a Transfer dials, the call holds what it came to so far at the sum
(:meth:`Meter.reserve`), and each step that begins while the other phone rings is held at the sum as well:
by the time that phone is answered, its price is there. If it is not, the difference is free again.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import structlog

from onhook.billing import Holds, Rate, asked_after_s, held_for
from onhook.call import Call, State
from onhook.calls import clock
from onhook.store import Account, Money

log = structlog.get_logger()

_READINGS = 3
_BELIEVED_S = 1.0
"""A balance that was read is good enough for a yes this long; a no is said upon a fresh one only."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A balance, and what had been released of its account when it was asked for."""

    balance: int
    released: int
    at_s: float


class Credit:
    """What the calls of this process hold of each prepaid account."""

    def __init__(self, money: Money) -> None:
        self._money = money
        self._holds: dict[str, Holds] = {}
        self._readings: dict[str, _Reading] = {}

    async def covers(self, account: Account, rate: Rate, session: str) -> bool:
        """Whether the account can pay for the first step of a call, which is then held for it.

        An account that was never credited pays afterwards: it can always, and nothing is held.
        Whoever got it gives it back with :meth:`release`. Raises :class:`StoreError`.
        """
        if not account.prepaid:
            return True
        return await self.hold(account.account_id, session, held_for(rate, rate.initial_s))

    async def hold(self, account_id: str, session: str, amount: int) -> bool:
        """Lets a session hold ``amount`` micros in all; False if there is not enough left.

        Raises :class:`StoreError`.
        """
        holds = self._of(account_id)
        if amount <= holds.of(session):
            return True
        known = self._readings.get(account_id)
        fresh = known is not None and clock.now_s() - known.at_s < _BELIEVED_S
        if known and fresh and holds.raise_to(session, amount, known.balance, known.released):
            return True
        for _ in range(_READINGS):
            released, at_s = holds.released, clock.now_s()
            balance = await self._money.balance(account_id)
            self._readings[account_id] = _Reading(balance, released, at_s)
            if holds.raise_to(session, amount, balance, released):
                return True
            if holds.released == released:
                return False
            # Somebody's call ended meanwhile: its cost may have been counted twice.
        return False

    def keep(self, account_id: str, session: str, amount: int) -> None:
        """The session holds ``amount``, whether or not there is so much: nobody could look."""
        self._of(account_id).keep(session, amount)

    def lower(self, account_id: str, session: str, amount: int) -> None:
        """The session needs no more than ``amount`` in all."""
        self._of(account_id).lower(session, amount)

    def release(self, account_id: str, session: str) -> None:
        """The session's debit is written, or it has none."""
        self._of(account_id).release(session)

    def _of(self, account_id: str) -> Holds:
        return self._holds.setdefault(account_id, Holds())


class Meter(Protocol):
    """What a call's owner tells about the call, so that its account's credit is watched."""

    def follow(self, call: Call, listener: "MeterListener") -> None:
        """The call is now like this."""
        ...

    async def reserve(self, rate: Rate) -> bool:
        """Whether the account could pay this dearer rate for the whole call; from now on that is held.

        A call that asked has to say what came of it: :meth:`reprice` or :meth:`drop`. If the answer is no,
        nothing has changed. Raises :class:`onhook.store.StoreError`.
        """
        ...

    def reprice(self, rate: Rate) -> None:
        """The whole call is charged by this rate, its past included."""
        ...

    def drop(self) -> None:
        """What was reserved is not needed: the rate stays as it is."""
        ...

    def resume(self, call: Call, listener: "MeterListener", reserved: Rate | None) -> None:
        """The call was an earlier process's: what that held for it, in memory, is held again.

        ``reserved`` is the dearer rate that it may come to, where a request for that is under way.
        """
        ...

    def release(self) -> None:
        """The call is over and written: nothing is held for it any more."""
        ...


class MeterListener(Protocol):
    """Who is told when the credit does not reach any further."""

    def out_of_credit(self, at_s: float) -> None:
        """The call is paid for until ``at_s`` of the monotonic clock, which is now or just was."""
        ...


class Unmetered:
    """The meter of a call whose account pays afterwards (Meter)."""

    def follow(self, call: Call, listener: MeterListener) -> None:
        """It may cost what it likes."""

    async def reserve(self, rate: Rate) -> bool:
        """It may cost more, too."""
        return True

    def reprice(self, rate: Rate) -> None:
        """Nothing is held at any rate."""

    def drop(self) -> None:
        """Nothing was held."""

    def resume(self, call: Call, listener: MeterListener, reserved: Rate | None) -> None:
        """Nothing was held."""

    def release(self) -> None:
        """Nothing was held."""


class StepMeter:
    """The meter of one call of a prepaid account (Meter). The first step is held already."""

    def __init__(self, credit: Credit, account_id: str, session: str, rate: Rate) -> None:
        self._credit = credit
        self._account_id = account_id
        self._session = session
        self._rate = rate
        self._reserved: Rate | None = None
        self._covered_s = rate.initial_s
        self._answered_at: float | None = None
        self._listener: MeterListener | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._short = False
        """The next step could not be had: the timer is for the end of this one."""
        self._stopped = False
        self._released = False
        self._log = log.bind(session=session)

    def follow(self, call: Call, listener: MeterListener) -> None:
        """Runs from the answer until the call goes to its end."""
        if call.state in (State.CLOSING, State.ENDED):
            self._stop()
        elif self._answered_at is None and call.answered_at is not None:
            self._answered_at = call.answered_at
            self._listener = listener
            self._await_next_step()

    async def reserve(self, rate: Rate) -> bool:
        """Holds what the call came to so far at this rate, and each further step."""
        async with (
            self._turn
        ):  # a step that is being asked for counts, or is asked for at this rate
            amount = held_for(rate, self._covered_s)
            if not await self._credit.hold(self._account_id, self._session, amount):
                return False
            if self._released:  # the call ended meanwhile: nobody else would give it back
                self._credit.release(self._account_id, self._session)
            self._reserved = rate
            return True

    def reprice(self, rate: Rate) -> None:
        """Holds what the call came to so far at this rate, there or not, and each further step."""
        self._rate, self._reserved = rate, None
        if not self._released:
            self._keep(self._covered_s)

    def drop(self) -> None:
        """Gives back the difference; a step that was too dear is asked for at the old rate."""
        self._reserved = None
        amount = held_for(self._rate, self._covered_s)
        self._credit.lower(self._account_id, self._session, amount)
        if self._short and not self._stopped:
            self._cancel_timer()
            self._ask()

    def release(self) -> None:
        """Gives back what is held, now that the debit is written."""
        self._stop()
        self._released = True
        self._credit.release(self._account_id, self._session)

    def resume(self, call: Call, listener: MeterListener, reserved: Rate | None) -> None:
        """Goes on for a call of an earlier process: what that held is held again, there or not. ``reserved``
        is the dearer rate that it may come to."""
        self._reserved = reserved
        if call.answered_at is not None:
            passed_s = clock.now_s() - call.answered_at
            while asked_after_s(self._rate, self._covered_s) < passed_s:
                self._covered_s += self._rate.increment_s
        self._keep(self._covered_s)
        self.follow(call, listener)

    def _stop(self) -> None:
        self._stopped = True
        self._listener = None
        self._cancel_timer()
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _held_by(self) -> Rate:
        """The rate at which steps are held: the dearer one, while it may come to that."""
        return self._reserved or self._rate

    def _keep(self, billed_s: int) -> None:
        amount = held_for(self._held_by, billed_s)
        self._credit.keep(self._account_id, self._session, amount)

    def _covered_until(self) -> float:
        return (self._answered_at or 0.0) + self._covered_s

    def _await_next_step(self) -> None:
        asked_at_s = (self._answered_at or 0.0) + asked_after_s(self._rate, self._covered_s)
        delay_s = max(0.0, asked_at_s - clock.now_s())
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._ask)

    def _ask(self) -> None:
        self._short = False
        self._asking = asyncio.create_task(self._take_next_step(), name="next-step")

    async def _take_next_step(self) -> None:
        """Holds the next step, or has the call end where the present one does."""
        async with self._turn:
            billed_s = self._covered_s + self._rate.increment_s
            covered = await self._hold(billed_s)
            if covered:
                self._covered_s = billed_s
        if covered:
            self._await_next_step()
            return
        self._short = True
        delay_s = max(0.0, self._covered_until() - clock.now_s())
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._run_out)

    async def _hold(self, billed_s: int) -> bool:
        """Whether so many seconds can be held; at the rate that counts when the answer is known."""
        while True:
            rate = self._held_by
            amount = held_for(rate, billed_s)
            try:
                covered = await self._credit.hold(self._account_id, self._session, amount)
            except Exception:  # noqa: BLE001  # the root of a task
                # A database that is away for a moment is no reason to cut people off.
                self._log.exception("credit_not_read")
                self._keep(billed_s)
                return True
            if rate != self._held_by:
                continue  # the other phone answered, or did not, meanwhile
            if covered:
                self._credit.lower(self._account_id, self._session, amount)
            return covered

    def _run_out(self) -> None:
        if self._listener is not None:
            self._listener.out_of_credit(self._covered_until())
