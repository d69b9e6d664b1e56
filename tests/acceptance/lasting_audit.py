"""Whether phones, the application and the database agree once all calls are over."""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from acceptance.lasting import World
from onhook.testing.call_leg import CallLeg
from onhook.testing.receiver import Notification

MINUTE_MS = 60_000
MICROS_A_MINUTE = 20_000
Rows = Callable[[str], Awaitable[Sequence[Sequence[Any]]]]
_OPEN = (
    "SELECT (SELECT count(*) FROM calls WHERE state <> 'ended' OR dialog <> '')"
    " + (SELECT count(*) FROM notifications WHERE state = 'pending')"
)
_CALLS = (
    "SELECT session, sequence, contact_url, contact_block, contact_tag, facts, cause, answered_ms,"
    " duration_ms, minutes, debit FROM calls"
)


async def settle(rows: Rows, world: World, patience_s: float) -> None:
    """Returns once every call is over and everything is told, or after a long while."""
    until_s = time.monotonic() + patience_s
    while (await rows(_OPEN))[0][0] and time.monotonic() < until_s:
        await asyncio.sleep(0.2)
    await asyncio.sleep(0.5)  # what is delivered twice arrives meanwhile


async def audit(rows: Rows, world: World) -> None:
    """Writes down whatever does not agree."""
    losses, told = world.losses, _told(world)
    [(left,)] = await rows(_OPEN)
    if left:
        losses.note("left_open", f"{left} calls or notifications", int(left))
    ledger = {one: -int(sum_) for one, sum_ in await rows(
        "SELECT session, sum(amount_micros) FROM ledger GROUP BY session"
    )}  # fmt: skip
    for record in await rows(_CALLS):
        _check_notifications(world, record, told.pop(record[0], []))
        _check_bill(world, record, ledger.get(record[0], 0))
    for session in told:
        losses.note("notifications_lost", "told of, and not on disk", session=session)
    [(balance, entries)] = await rows(
        "SELECT (SELECT sum(points_micros + bonus_micros) FROM accounts),"
        " (SELECT coalesce(sum(amount_micros), 0) FROM ledger)"
    )
    if balance != entries:
        losses.note("cents_off", f"the balance is {balance}, the entries sum to {entries}")
    _check_phones(world)


def _told(world: World) -> dict[str, list[Notification]]:
    told: defaultdict[str, list[Notification]] = defaultdict(list)
    for one in world.customer.receiver.notifications:
        told[one["session"]].append(one)
    return told


def _check_notifications(
    world: World, record: Sequence[Any], arrived: Sequence[Notification]
) -> None:
    """Each number under one id, in order, none missing; the end last, and once for each who is told."""
    losses, (session, sequence) = world.losses, record[:2]
    first: dict[int, str] = {}
    for one in arrived:
        number, identity = int(one.headers["x-onhook-event"]), one.headers["webhook-id"]
        if first.setdefault(number, identity) != identity:
            losses.note("doubled", f"event {number} under two ids", session=session)
    if list(first) != sorted(first):
        losses.note("notifications_out_of_order", f"{list(first)}", session=session)
    if missing := set(range(1, sequence + 1)) - first.keys():
        losses.note(
            "notifications_lost", f"{sorted(missing)} of {sequence}", len(missing), session=session
        )
    ends = {one.headers["webhook-id"] for one in arrived if one["call_state"] == "ended"}
    monitor = json.loads(record[5] or "{}").get("monitor")
    wanted = bool(record[2]) + (
        monitor is not None and monitor[:3] != [record[3], record[2], record[4]]
    )
    if len(ends) > wanted:
        losses.note("terminal_ones_doubled", f"{len(ends)} of {wanted}", session=session)
    elif len(ends) < wanted:
        losses.note("notifications_lost", f"{len(ends)} of {wanted} ends", session=session)


def _check_bill(world: World, record: Sequence[Any], debited: int) -> None:
    session, facts, cause, answered_ms, duration_ms, minutes, debit = record[0], *record[5:11]
    if cause == "crash":
        world.losses.note("calls_lost", "ended by a crash", session=session)
    told = json.loads(facts or "{}").get("fields", {})
    joined = session not in world.in_rooms and "answered" in (
        told.get("transfer_status"), told.get("call_status_dest2")
    )  # fmt: skip
    expected = 0 if answered_ms is None else max(1, -(-duration_ms // MINUTE_MS))
    owed = expected * MICROS_A_MINUTE * (2 if joined else 1)
    if minutes != expected or {round(float(debit) * 1_000_000), debited} != {owed}:
        world.losses.note(
            "cents_off", f"{minutes} of {expected} min, {debit}, {debited}", session=session
        )


def _check_phones(world: World) -> None:
    """Nobody was called twice, nobody is left on the line, and nobody complains."""
    losses = world.losses
    called = Counter(call.called for call in world.callee.phone.incoming_calls)
    for times in called.values():
        if times > 1:
            losses.note("doubled", f"a number was called {times} times")
    for leg in world.legs:
        if not leg.is_over():
            losses.note("left_open", leg.log.ladder())
            leg.vanish()
        elif leg.complaints:
            losses.complain(f"{leg.complaints[0]}{_between_answers(leg)}\n{leg.log.ladder()}")


def _between_answers(leg: CallLeg) -> str:
    """What two answers to one INVITE differ in, a line each."""
    answers = [one.message.to_bytes().decode() for one in leg.log.received(200)]
    first = [one.splitlines() for one in answers if "INVITE" in one.partition("CSeq:")[2][:20]][:1]
    return "".join(
        f"\n    {line}"
        for one in answers
        if first and "INVITE" in one.partition("CSeq:")[2][:20]
        for line in set(first[0]) ^ set(one.splitlines())
    )
