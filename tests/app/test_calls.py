"""Functions that steer calls, and phones in the simulator that hear what comes of it."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable

import pytest

from app.conftest import HOME, NUMBER, OFFICE, LateReplies, Said
from onhook.app import App, Call, HungUp, NotAnswered, Refused
from onhook.simulator import Phone


def test_a_menu(app: App, phone: Phone) -> None:
    @app.incoming
    async def menu(call: Call) -> None:
        digits = await call.gather("Press 1 or 2.", max_digits=1, attempts=2)
        await call.play(f"You have pressed {digits}.")
        await call.hangup("Good bye.", tag=call.caller)

    call = phone.call(NUMBER, caller="+6598765432")
    call.hears("Press 1 or 2.")
    call.hears("Press 1 or 2.")
    call.press("2")
    call.hears("You have pressed 2.")
    call.is_hung_up_after("Good bye.")
    assert [told["ivr_block"] for told in call.notifications] == [
        "answer",
        "gather",
        "play",
        "hangup",
    ]
    assert call.notifications[-1]["tag"] == "+6598765432"


def test_the_bill(app: App, phone: Phone, said: Said) -> None:
    @app.incoming
    async def greet(call: Call) -> None:
        said.put((await call.hangup("Good bye.")).debit)

    call = phone.call(NUMBER)
    call.is_hung_up_after("Good bye.")
    assert said.get() == call.cost


def test_a_caller_who_hangs_up_ends_the_function_where_it_stands(
    app: App, phone: Phone, said: Said
) -> None:
    @app.incoming
    async def ask(call: Call) -> None:
        try:
            await call.gather("Please type your number.")
            said.put("went on")
        except HungUp as over:
            assert over.end is not None
            said.put(over.end.ended_by)
            raise
        finally:
            said.put("finally")

    call = phone.call(NUMBER)
    call.begins_to_hear("Please type")
    call.hang_up()
    assert [said.get(), said.get()] == ["caller", "finally"]


def test_a_caller_gives_up_before_anything_was_asked_for(
    app: App, phone: Phone, said: Said
) -> None:
    goes_on = threading.Event()

    @app.incoming
    async def slow(call: Call) -> None:
        await asyncio.to_thread(goes_on.wait)
        try:
            await call.play("Too late.")
        except HungUp as over:
            said.put(over.end and over.end.ended_by)

    call = phone.call(NUMBER)
    call.rings()
    call.hang_up()
    goes_on.set()
    assert said.get() == "caller"


def test_a_caller_on_hold_who_hangs_up_ends_what_is_waited_for(
    app: App, phone: Phone, said: Said
) -> None:
    @app.incoming
    async def queue(call: Call) -> None:
        await call.hold("Please wait.")
        forever = asyncio.get_running_loop().create_future()
        try:
            await call.meanwhile(forever)
        finally:
            said.put(forever.cancelled())

    call = phone.call(NUMBER)
    call.hears("Please wait.")
    call.hang_up()
    assert said.get() is True


def test_a_caller_is_taken_off_hold(app: App, phone: Phone) -> None:
    agents: asyncio.Queue[str] = asyncio.Queue()

    @app.incoming
    async def queue(call: Call) -> None:
        if call.caller == OFFICE:
            agents.put_nowait("Ann")
            await call.hangup("You have a customer.")
        await call.hold("Please wait.")
        agent = await call.meanwhile(agents.get())
        await call.unhold()
        await call.hangup(f"{agent} will call you back.")

    call = phone.call(NUMBER)
    call.hears("Please wait.")
    call.hears("Please wait.")
    phone.call(NUMBER, caller=OFFICE).is_hung_up_after("You have a customer.")
    call.is_hung_up_after("Ann will call you back.")


def test_a_function_that_just_ends_hangs_up(app: App, phone: Phone) -> None:
    @app.incoming
    async def short(call: Call) -> None:
        await call.play("Hello.")

    phone.call(NUMBER).is_hung_up_after("Hello.")


def test_a_function_that_does_nothing_rejects_the_call(app: App, phone: Phone) -> None:
    @app.incoming
    async def closed(call: Call) -> None:
        assert call.number == NUMBER

    phone.call(NUMBER).is_rejected()


def test_a_call_is_rejected_in_ones_own_words(app: App, phone: Phone) -> None:
    @app.incoming
    async def busy(call: Call) -> None:
        await call.hangup(reject="busy")

    phone.call(NUMBER).is_rejected(486)


def test_a_function_that_raises_is_logged_and_the_call_hung_up(
    app: App, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    @app.incoming
    async def broken(call: Call) -> None:
        await call.play("Hello.")
        raise ZeroDivisionError("of the function")

    call = phone.call(NUMBER)
    call.is_hung_up_after("Hello.")
    [record] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert call.session in record.getMessage()
    assert record.exc_info is not None
    assert "of the function" in str(record.exc_info[1])


def test_a_caller_hears_that_we_are_sorry(app: App, phone: Phone) -> None:
    app.sorry = "Something went wrong. Please call again."

    @app.incoming
    async def broken(call: Call) -> None:
        await call.play("<nonsense>")

    phone.call(NUMBER).is_hung_up_after("Something went wrong. Please call again.")


def test_a_refusal_is_raised_and_the_call_goes_on(app: App, phone: Phone) -> None:
    @app.incoming
    async def menu(call: Call) -> None:
        try:
            await call.gather("Hello.", max_digits=1000)
        except Refused as refused:
            await call.hangup(f"That was {refused.status.removeprefix('error_')}.")

    phone.call(NUMBER).is_hung_up_after("That was invalid_max_digits.")


def test_what_is_recorded_is_there_also_if_the_caller_hangs_up(
    app: App, phone: Phone, said: Said
) -> None:
    @app.incoming
    async def voicemail(call: Call) -> None:
        said.put(await call.record("Please speak.", max_duration=60))
        await call.hangup("Thank you.")

    for ends in ("#", ""):
        call = phone.call(NUMBER)
        call.hears("a beep")
        call.says("This is Ann.")
        if ends:
            call.press(ends)
            call.is_hung_up_after("Thank you.")
        else:
            call.hang_up()
        assert said.get().endswith(".mp3")


def test_a_caller_who_hangs_up_before_the_beep_has_recorded_nothing(
    app: App, phone: Phone, said: Said
) -> None:
    @app.incoming
    async def voicemail(call: Call) -> None:
        try:
            said.put(await call.record("Please speak."))
        except HungUp:
            said.put("nothing")

    call = phone.call(NUMBER)
    call.begins_to_hear("Please speak.")
    call.hang_up()
    assert said.get() == "nothing"


def test_a_caller_is_joined_to_somebody(app: App, phone: Phone, said: Said) -> None:
    @app.incoming
    async def forward(call: Call) -> None:
        said.put(await call.transfer(OFFICE, "One moment.", on_failure="continue"))
        await call.hangup("Nobody is there.")

    call = phone.call(NUMBER)
    office = phone.answers(OFFICE)
    call.says("Hello?")
    office.hears("Hello?")
    office.hang_up()
    call.is_hung_up()
    assert said.get() == "answered"

    phone.is_busy(OFFICE)
    phone.call(NUMBER).is_hung_up_after("Nobody is there.")
    assert said.get() == "busy"


def test_callers_meet_in_a_room_and_one_is_muted(app: App, phone: Phone) -> None:
    inside: dict[str, Call] = {}

    @app.incoming
    async def room(call: Call) -> None:
        if call.caller == OFFICE:
            await inside["+6590000001"].moderate("mute")
            await call.hangup("The first one is muted.")
        inside[call.caller] = call
        await call.transfer("room:R1", "You are in.")

    one, other = (phone.call(NUMBER, caller=f"+659000000{digit}") for digit in "12")
    one.hears("You are in.")
    other.hears("You are in.")
    one.says("Is anybody there?")
    other.hears("Is anybody there?")
    phone.call(NUMBER, caller=OFFICE).is_hung_up_after("The first one is muted.")
    one.says("Can you hear me?")
    other.says("Not any more.")
    one.hears("Not any more.")
    assert "Can you hear me?" not in other.heard


def test_keys_are_sent_and_the_whole_call_is_recorded(app: App, phone: Phone, said: Said) -> None:
    @app.incoming
    async def door(call: Call) -> None:
        await call.monitor("This call is recorded.")
        await call.send_digits("1,2#")
        await call.hangup("Good bye.")
        said.put(await call.monitor_url())

    call = phone.call(NUMBER)
    call.hears("This call is recorded.")
    call.hears_keys("12#")
    call.is_hung_up_after("Good bye.")
    assert said.get().endswith(".mp3")


def test_calls_at_once_do_not_know_one_another(app: App, phone: Phone) -> None:
    @app.incoming
    async def echo(call: Call) -> None:
        digits = await call.gather("Which number?", max_digits=1)
        await call.hangup(f"You are {call.caller[-1]}, and typed {digits}.")

    calls = [phone.call(NUMBER, caller=f"+659876543{one}") for one in range(3)]
    for call in calls:
        call.hears("Which number?")
    for one, call in reversed(list(enumerate(calls))):
        call.press(str(one + 4))
    for one, call in enumerate(calls):
        call.is_hung_up_after(f"You are {one}, and typed {one + 4}.")


def test_what_a_caller_brings_along(app: App, phone: Phone) -> None:
    @app.incoming
    async def shop(call: Call) -> None:
        headers = getattr(call.first, "sip_headers")  # noqa: B009  # only an answer has them
        await call.hangup(f"Shop {headers['X-Shop']}.")

    phone.call(NUMBER, headers={"X-Shop": "7"}).is_hung_up_after("Shop 7.")


# Calls of ours --------------------------------------------------------------------------------------


def test_a_call_is_placed(app: App, phone: Phone, said: Said) -> None:
    async def remind() -> None:
        async with app.dial(OFFICE, "You have an appointment.", ring_time=30) as call:
            said.put(f"{call.number}: {await call.gather('Press 1 to keep it.', max_digits=1)}")
            await call.play("Thank you.")

    app.start(remind())
    office = phone.answers(OFFICE)
    office.hears("You have an appointment.")
    office.hears("Press 1 to keep it.")
    office.press("1")
    office.is_hung_up_after("Thank you.")
    assert said.get() == f"{OFFICE}: 1"


def test_a_call_that_nobody_takes(app: App, phone: Phone, said: Said) -> None:
    async def remind() -> None:
        try:
            async with app.dial(OFFICE, "Hello."):
                said.put("answered")
        except NotAnswered as nobody:
            said.put(nobody.outcome)

    phone.is_busy(OFFICE)
    app.start(remind())
    assert said.get() == "busy"


def test_a_callee_who_hangs_up_at_once(app: App, phone: Phone, said: Said) -> None:
    async def remind() -> None:
        try:
            async with app.dial(OFFICE, "You have an appointment."):
                said.put("answered")
        except HungUp as over:
            said.put(over.end and over.end.ended_by)

    app.start(remind())
    office = phone.answers(OFFICE)
    office.begins_to_hear("You have an appointment.")
    office.hang_up()
    assert said.get() == "callee"


def test_somebody_is_called_while_a_caller_waits(app: App, phone: Phone) -> None:
    @app.incoming
    async def screen(call: Call) -> None:
        await call.hold("Please wait.")
        async with app.dial(OFFICE, f"A call of {call.caller}.") as office:
            wants = await office.gather("Press 1 to take it.", max_digits=1)
        await call.unhold()
        await call.hangup("They will call you." if wants == "1" else "They are busy.")

    call = phone.call(NUMBER)
    office = phone.answers(OFFICE)
    office.hears("Press 1 to take it.")
    office.press("2")
    office.is_hung_up()
    call.is_hung_up_after("They are busy.")


# Calls that no function steers ----------------------------------------------------------------------


def test_two_numbers_are_joined(app: App, phone: Phone, said: Said) -> None:
    async def connect() -> None:
        told = await app.voice_call(OFFICE, dest1=HOME)
        said.put((told.call_status_dest1, told.call_status_dest2, told.duration))

    app.start(connect())
    home = phone.answers(HOME)
    office = phone.answers(OFFICE)
    home.says("Good morning.")
    office.hears("Good morning.")
    office.hang_up()
    home.is_hung_up()
    assert said.get() == ("answered", "answered", 1)


def test_of_two_numbers_the_first_is_busy(app: App, phone: Phone, said: Said) -> None:
    """What is told while the reply is on its way is not missed."""

    async def connect() -> None:
        said.put((await app.voice_call(OFFICE, dest1=HOME)).call_status_dest1)

    phone.is_busy(HOME)
    app.start(connect())
    assert said.get() == "busy"


def test_who_gives_up_waiting_for_two_numbers_hangs_them_up(
    app: App, phone: Phone, said: Said
) -> None:
    @app.incoming
    async def while_there(call: Call) -> None:
        await call.play("You decide how long they talk.")
        await call.meanwhile(app.voice_call(OFFICE, dest1=HOME))

    call = phone.call(NUMBER)
    home, office = phone.answers(HOME), phone.answers(OFFICE)
    home.says("Good morning.")
    office.hears("Good morning.")
    call.hang_up()
    home.is_hung_up()
    office.is_hung_up()


async def _voice_call(app: App) -> None:
    await app.voice_call(HOME, dest1=OFFICE)


async def _conference_call(app: App) -> None:
    async with app.conference_call([OFFICE, HOME]) as meeting:
        await meeting.over()


async def _dial(app: App) -> None:
    async with app.dial(OFFICE) as call:
        await call.play("Hello.")


@pytest.mark.parametrize("places", [_voice_call, _conference_call, _dial])
def test_what_is_given_up_before_its_reply_is_hung_up(
    app: App, phone: Phone, replies: LateReplies, places: Callable[[App], Awaitable[None]]
) -> None:
    """The server has placed the calls, and only its reply says by which names they can be hung up."""
    placing: list[asyncio.Future[None]] = []
    is_over = threading.Event()

    async def place() -> None:
        replies.arrives.clear()
        placing.append(asyncio.ensure_future(places(app)))

    async def give_up() -> None:
        placing[0].cancel()
        await asyncio.sleep(0)  # as far as it gets without the reply
        replies.arrives.set()
        await asyncio.wait(placing)
        is_over.set()

    app.start(place())
    office = phone.rings(OFFICE)
    app.start(give_up())
    assert is_over.wait(60)  # meanwhile no time passes in the simulator
    office.is_hung_up(within_s=5.0)  # by itself it would ring on
    assert placing[0].cancelled()


def test_a_conference(app: App, phone: Phone, said: Said) -> None:
    async def meet() -> None:
        async with app.conference_call([HOME, OFFICE], room="R1") as meeting:
            said.put((meeting.room, list(meeting.txn_refs)))
            told = await meeting.over()
            said.put([(each.dest, each.dial_status, each.ended_by) for each in told])

    app.start(meet())
    home, office = phone.answers(HOME), phone.answers(OFFICE)
    home.says("Is everybody there?")
    office.hears("Is everybody there?")
    office.hang_up()
    home.hang_up()
    assert said.get() == ("R1", [HOME, OFFICE])
    assert said.get() == [(HOME, "answered", "callee"), (OFFICE, "answered", "callee")]


def test_one_of_a_conference_is_muted_and_at_its_end_all_are_hung_up(
    app: App, phone: Phone
) -> None:
    @app.incoming
    async def lead(call: Call) -> None:
        async with app.conference_call([HOME, OFFICE]) as meeting:
            while await call.gather("Press 1 to mute, 2 to go.", max_digits=1) == "1":
                await meeting.moderate(HOME, "mute")
        await call.hangup("That was all.")

    leader = phone.call(NUMBER)
    home, office = phone.answers(HOME), phone.answers(OFFICE)
    home.says("Good morning.")
    office.hears("Good morning.")
    leader.hears("Press 1 to mute, 2 to go.")
    leader.press("1")
    leader.hears("Press 1 to mute, 2 to go.")
    home.says("Can you hear me?")
    office.says("Not any more.")
    home.hears("Not any more.")
    assert "Can you hear me?" not in office.heard
    leader.press("2")
    home.is_hung_up()
    office.is_hung_up()
    leader.is_hung_up_after("That was all.")


def test_numbers_of_a_conference_with_commas_between_them(
    app: App, phone: Phone, said: Said
) -> None:
    async def meet() -> None:
        async with app.conference_call(f"{HOME}, {OFFICE},") as meeting:
            said.put(list(meeting.txn_refs))
            said.put([told.dest for told in await meeting.over()])

    app.start(meet())
    home, office = phone.answers(HOME), phone.answers(OFFICE)
    home.hang_up()
    office.hang_up()
    assert said.get() == [HOME, OFFICE]
    assert said.get() == [HOME, OFFICE]


def test_a_conference_that_nobody_comes_to(app: App, phone: Phone, said: Said) -> None:
    async def meet() -> None:
        async with app.conference_call(OFFICE) as meeting:
            [told] = await meeting.over()
            said.put(told.dial_status)

    phone.is_busy(OFFICE)
    app.start(meet())
    assert said.get() == "busy"
