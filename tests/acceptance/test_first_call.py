"""A caller rings, hears a message to its end, and is hung up; the application is told."""

import hashlib
import hmac
import json
from itertools import product
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from acceptance.asking import undisturbed
from acceptance.files import FileServer
from acceptance.harness import Customer, marked
from acceptance.talking import until
from briefly import slow_but
from onhook.testing.call_log import How
from onhook.testing.phone_call import PhoneCall
from onhook.testing.tones import find_tone, speech_like, write_wav

SPOKEN = "Thank you for calling. Our office is closed today. Good bye."


async def test_the_whole_story(customer: Customer) -> None:
    call, told = await customer.call(caller="+6591112222")
    assert told.path == "/answer"
    assert told.form == told.query
    assert told["from"] == "+6591112222"
    assert told["ivr_block"] == "answer"
    await call.ringing()

    done = await customer.hangup(
        told["session"],
        msg=SPOKEN,
        tag="order 7 & more",
        notify_url=customer.receiver.url("/end?shop=1"),
    )
    assert done == {"status": "success_ok"}

    await call.answered()
    ended = await call.ended()
    assert ended.how is How.BYE_RECEIVED
    speech = speech_like(call.recording.pcm())
    assert speech.voiced_s > 1.0
    assert call.recording.lost == 0
    assert call.complaints == []

    last = await customer.receiver.next(session=told["session"])
    assert last.path == "/end"
    assert last.query == last.form
    bill = {"duration": "1", "currency": "SGD", "rate": "0.020", "debit": "0.020"}
    assert (
        last.form.items()
        >= {
            **bill,
            "shop": "1",
            "ivr_block": "hangup",
            "session": told["session"],
            "txn_ref": told["txn_ref"],
            "tag": "order 7 & more",
            "from": "+6591112222",
            "to": customer.number,
            "call_state": "ended",
            "ended_by": "application",
            "cause": "hangup",
        }.items()
    )
    assert len(last["date"]) == len("2013-01-31 13:05:59")
    assert customer.receiver.waiting() == []


async def test_both_signatures_verify(customer: Customer) -> None:
    _, told = await customer.call()
    await customer.hangup(told["session"], notify_url=customer.receiver.url("/end"))
    last = await customer.receiver.next(session=told["session"])
    for notification in (told, last):
        expected = hmac.new(customer.access_token.encode(), notification.body, hashlib.sha256)
        assert notification.headers["x-hoiio-signature"] == expected.hexdigest()
        hook = Webhook(customer.webhook_secret)
        headers = dict(notification.headers)
        with pytest.raises(json.JSONDecodeError):  # verified, then read: it is a form, not JSON
            hook.verify(notification.body, headers)
    assert [n.headers["x-onhook-event"] for n in (told, last)] == ["1", "2"]


@pytest.mark.parametrize(
    ("codec", "seconds"),
    slow_but([("PCMU", 0.5), ("PCMA", 2.03)], product(["PCMU", "PCMA"], [0.5, 2.03])),
)
async def test_nothing_is_clipped(
    customer: Customer, files: FileServer, tmp_path: Path, codec: str, seconds: float
) -> None:
    """Tones at the very first and very last samples arrive whole, and the BYE comes after them."""
    write_wav(tmp_path / "message.wav", marked(seconds))
    url = files.serve("message.wav", (tmp_path / "message.wav").read_bytes())

    async def hung_up() -> PhoneCall:
        call, told = await customer.call(codecs=[codec])
        done = await customer.hangup(told["session"], msg=f"<url>{url}</url>")
        assert done == {"status": "success_ok"}
        assert (await call.ended()).how is How.BYE_RECEIVED
        return call

    call = await undisturbed(customer.server, hung_up)
    heard = call.recording.before(call.time_of("bye_received")).pcm()
    first, last = find_tone(heard, 1000), find_tone(heard, 1400)
    assert first is not None
    assert last is not None
    assert first[0] == pytest.approx(0, abs=5)
    assert first[1] == pytest.approx(100, abs=5)
    assert last[0] == pytest.approx(seconds * 1000 - 100, abs=5)
    assert last[1] == pytest.approx(seconds * 1000, abs=5)
    assert call.recording.lost == 0
    # The settle time: never earlier than 100 ms after the last frame left.
    assert call.last_packet_to_bye_s >= 0.1 - 0.005


async def test_a_ringing_call_is_rejected_without_a_message(customer: Customer) -> None:
    call, told = await customer.call()
    done = await customer.hangup(told["session"], notify_url=customer.receiver.url("/end"))
    assert done == {"status": "success_ok"}
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, 603)
    last = await customer.receiver.next(session=told["session"])
    assert (last["duration"], last["debit"], last["cause"]) == ("0", "0.000", "rejected")


async def test_the_caller_hangs_up_during_the_message(customer: Customer) -> None:
    call, told = await customer.call()
    notify_url = customer.receiver.url("/end")
    await customer.hangup(told["session"], msg=SPOKEN, notify_url=notify_url, tag="t")
    await call.answered()
    await call.hang_up()
    last = await customer.receiver.next(session=told["session"])
    assert (last["ivr_block"], last["call_state"], last["tag"]) == ("hangup", "ended", "t")
    assert (last["ended_by"], last["debit"]) == ("caller", "0.020")
    refused = await customer.hangup(told["session"])
    assert refused["status"] == "error_session_ended"


async def test_the_caller_gives_up_while_it_rings(customer: Customer) -> None:
    call, told = await customer.call()
    assert (await call.cancel()).how is How.CANCELLED
    last = await customer.receiver.next(session=told["session"])
    assert (last.path, last["ivr_block"], last["call_state"]) == ("/answer", "answer", "ended")
    assert (last["cause"], last["duration"], last["debit"]) == ("cancelled", "0", "0.000")
    assert customer.receiver.waiting() == []


async def test_audio_finds_a_caller_behind_a_nat(customer: Customer) -> None:
    call, told = await customer.call(rtp_from_other_port=True)
    await customer.hangup(told["session"], msg=SPOKEN)
    await call.ended()
    spoke_s = call.audio.sent[0].at_s  # before that nobody can know where it is
    ports = [packet.local_port for packet in call.recording.since(spoke_s).audio]
    assert ports[-1] == call.audio.sending_address[1] != call.audio.address[1]
    assert ports.count(ports[-1]) > len(ports) * 0.9


async def test_an_invite_without_an_offer(customer: Customer) -> None:
    call, told = await customer.call(offer=False)
    done = await customer.hangup(told["session"], msg=SPOKEN)
    assert done == {"status": "success_ok"}
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert speech_like(call.recording.pcm()).voiced_s > 1.0


async def test_a_late_ack_clips_nothing(customer: Customer) -> None:
    """The message begins when the caller is ready to hear, which its ACK says."""
    call, told = await customer.call(ack_delay_s=0.7)
    await customer.hangup(told["session"], msg=SPOKEN)
    await call.ended()
    assert call.recording.first_packet_s is not None
    assert call.recording.first_packet_s >= call.time_of("ack_sent")


async def test_an_unknown_number(customer: Customer) -> None:
    call = await customer.phone.call("+6599999999", server=customer.server.sip)
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, 404)
    assert customer.receiver.notifications == []


async def test_no_common_codec(customer: Customer) -> None:
    call = await customer.phone.call(
        customer.number, server=customer.server.sip, codecs=["G729", "opus"]
    )
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, 488)


async def test_options(customer: Customer) -> None:
    assert (await customer.phone.options(customer.server.sip)).status == 200


async def test_an_application_that_answers_from_inside_its_handler(customer: Customer) -> None:
    """A request sent before the notification was answered is never refused as not ready."""
    statuses: list[str] = []

    async def application(told: object) -> None:
        session = told["session"]  # type: ignore[index]
        if told["call_state"] == "ringing":  # type: ignore[index]
            done = await customer.hangup(session, msg="Good bye.")
            statuses.append(done["status"])

    customer.receiver.handler = application
    call, _ = await customer.call()
    assert (await call.ended()).how is How.BYE_RECEIVED
    await until(lambda: statuses, "the reply to the application")
    assert statuses == ["success_ok"]
