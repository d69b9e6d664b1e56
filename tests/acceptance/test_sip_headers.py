"""Headers of the application: from the INVITE to the notification, and from the request to the wire."""

from acceptance.asking import OK, assert_untouched, rows, sentence
from acceptance.files import BEEP, FileServer
from acceptance.harness import Callee, Customer
from acceptance.test_dial import dialled
from onhook.testing.call_log import How

SECRET = "s3cr3t-of-a-customer"
SENT = {"sip_header_X-Account": SECRET, "sip_header_User-to-User": "00ff;encoding=hex"}


def named(form: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in form.items() if name.startswith("sip_header_")}


async def test_headers_of_an_invite_are_told_with_the_call(customer: Customer) -> None:
    """Names and values as they came; nothing else of the INVITE; in no other notification."""
    headers = [
        ("x-cRm-id", f'"{SECRET}"; a=1, b'),
        ("X-Twice", "one"),
        ("User-To-User", "3132;encoding=hex"),
        ("x-twice", "two"),
        ("X-Latin", "Andr\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("P-Charging-Vector", "icid-value=1"),
        ("Subject", "hello"),
    ]
    call, told = await customer.call(headers=headers)
    assert named(told.form) == {
        "sip_header_x-cRm-id": f'"{SECRET}"; a=1, b',
        "sip_header_X-Twice": "one, two",
        "sip_header_User-to-User": "3132;encoding=hex",
        "sip_header_X-Latin": "André",
    }
    url = customer.receiver.url("/over")
    assert await customer.hangup(told["session"], notify_url=url) == OK
    assert (await call.ended()).how is How.REJECTED
    assert named((await customer.receiver.next(session=told["session"])).form) == {}
    assert SECRET not in customer.server.log


async def test_only_so_many_headers_are_told(customer: Customer) -> None:
    call, told = await customer.call(headers=[(f"X-H{n}", "x" * 10) for n in range(40)])
    assert len(named(told.form)) == 20
    long, more = await customer.call(headers=[(f"X-L{n}", "x" * 1000) for n in range(9)])
    assert sum(len(name) - 11 + len(text) for name, text in named(more.form).items()) <= 4096
    assert len(named(more.form)) == 4
    for leg, one in ((call, told), (long, more)):
        assert await customer.hangup(one["session"]) == OK
        await leg.ended()


async def test_a_caller_who_gives_up_is_told_with_its_headers(customer: Customer) -> None:
    call, told = await customer.call(headers=[("X-Account", "7")])
    await call.cancel()
    last = await customer.receiver.next(session=told["session"], call_state="ended")
    assert last["sip_header_X-Account"] == "7"


async def test_a_dial_puts_them_on_its_invite(customer: Customer, callee: Callee) -> None:
    """And the Hangup behind it on the BYE."""
    call, reply = await dialled(customer, callee, **SENT)
    assert call.invite.header("X-Account") == SECRET
    assert call.invite.header("User-to-User") == "00ff;encoding=hex"
    await call.answer()
    await customer.receiver.next(session=reply["session"])
    over = {"sip_header_x-Why": "enough", "notify_url": customer.receiver.url("/end")}
    assert await customer.hangup(reply["session"], **over) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    bye = call.log.received("BYE")[0].message
    assert bye.header("X-Why") == "enough"
    assert not bye.header("X-Account")
    assert SECRET not in customer.server.log
    await customer.receiver.next(session=reply["session"], call_state="ended")  # so it is written
    kept = rows(customer.server, "SELECT facts FROM calls WHERE session = ?", reply["session"])
    assert "enough" not in str(kept)


async def test_a_forced_hangup_while_it_rings_cancels_without_them(
    customer: Customer, callee: Callee
) -> None:
    call, reply = await dialled(customer, callee)
    over = {"sip_header_X-Why": "enough", "force": "enabled"}
    assert await customer.hangup(reply["session"], **over) == OK
    assert (await call.cancelled()).how is How.CANCEL_RECEIVED
    assert not call.log.received("CANCEL")[0].message.header("X-Why")


async def test_a_transfer_puts_them_on_its_invite(
    customer: Customer, callee: Callee, files: FileServer
) -> None:
    first, told = await customer.call()
    number = callee.another()
    await customer.block("end/transfer", told["session"], dest=number, **SENT)
    call = await callee.phone.incoming(called=number)
    assert call.invite.header("X-Account") == SECRET
    call.ring()
    await call.answer()
    await first.answered()
    await call.hang_up()
    await first.ended()


async def test_a_rejection_carries_them(customer: Customer) -> None:
    call, told = await customer.call()
    over = {"sip_header_X-Why": "closed", "reject": "busy"}
    assert await customer.hangup(told["session"], **over) == OK
    await call.ended()
    assert call.log.received(486)[0].message.header("X-Why") == "closed"


async def test_after_a_message_they_stand_in_the_bye(customer: Customer, files: FileServer) -> None:
    call, told = await customer.call()
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    over = {"sip_header_X-Why": "closed", "msg": msg}
    assert await customer.hangup(told["session"], **over) == OK
    await call.ended()
    assert call.log.received("BYE")[0].message.header("X-Why") == "closed"


NO_HEADERS = (
    {"sip_header_From": "x"},
    {"sip_header_Reason": "x"},
    {"sip_header_X-": "x"},
    {"sip_header_X-A B": "x"},
    {"sip_header_X-A:": "x"},
    {"sip_header_X-A": "a\r\nVia: b"},
    {"sip_header_X-A": "a\tb"},
    {"sip_header_X-A": "\x7f"},
    {"sip_header_X-A": "   "},
    {"sip_header_X-A": "\u2028"},
    {"sip_header_X-A": SECRET + "x" * 512},
    {"sip_header_X-A": "1", "sip_header_x-a": "2"},
    {f"sip_header_X-{n}": "x" for n in range(21)},
    {f"sip_header_X-{n}": "x" * 512 for n in range(9)},
)


async def test_what_is_no_header_of_an_application(customer: Customer) -> None:
    call, told = await customer.call()
    for wrong in NO_HEADERS:
        reply = await customer.hangup(told["session"], **wrong)
        assert reply["status"] == "error_invalid_sip_header", wrong
        assert SECRET not in sentence(reply)
    await assert_untouched(customer, call, told)
