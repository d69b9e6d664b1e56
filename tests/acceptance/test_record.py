"""Record and Monitor: what both sides said, where it can be fetched, and every way it can end."""

import asyncio
import io

import aiohttp
import numpy as np
import pytest
import soundfile

from acceptance.asking import OK, heard, span_s
from acceptance.files import FileServer, wav
from acceptance.harness import Customer
from acceptance.talking import records, spools, until
from onhook.testing.call_log import How
from onhook.testing.phone_call import PhoneCall
from onhook.testing.tones import silence, tone

RECORD = "middle/record"


async def fetched(url: str) -> np.ndarray:
    """The samples of a recording, 8000 Hz."""
    async with aiohttp.ClientSession() as client, client.get(url) as reply:
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "audio/mpeg"
        body = await reply.read()
    samples, rate = soundfile.read(io.BytesIO(body), dtype="int16", always_2d=False)
    assert rate == 8000
    assert samples.ndim == 1
    return np.asarray(samples)


def length_s(pcm: np.ndarray) -> float:
    return len(pcm) / 8000


async def beeped(customer: Customer, **params: str) -> tuple[PhoneCall, str]:
    """A call that is recorded behind the beep, which was heard; and its session."""
    call, told = await customer.call()
    await customer.block(RECORD, told["session"], **params)
    await call.answered()
    await heard(call, 10)
    return call, told["session"]


async def recording(customer: Customer, **params: str) -> tuple[PhoneCall, str]:
    """A call that is being recorded, its beep heard; and its session."""
    before = spools(customer.server)
    call, session = await beeped(customer, **params)
    await records(customer.server, before)
    return call, session


async def test_what_the_caller_says_is_recorded_until_the_hash(customer: Customer) -> None:
    call, session = await recording(customer, tag="mail")
    await call.say(tone(700, 1000))
    await call.send_digits("#")
    told = await customer.receiver.next(ivr_block="record")
    assert (told["call_state"], told["tag"]) == ("ongoing", "mail")
    assert told["record_url"].startswith(customer.server.url)
    pcm = await fetched(told["record_url"])
    start, end = span_s(pcm, 700)
    assert end - start == pytest.approx(1.0, abs=0.1)
    assert length_s(pcm) < 3
    assert await customer.hangup(session) == OK


async def test_it_ends_when_the_time_is_over(customer: Customer) -> None:
    loop = asyncio.get_running_loop()
    asked_s = loop.time()
    call, _ = await beeped(customer, max_duration="1")
    told = await customer.receiver.next(ivr_block="record")
    assert told["call_state"] == "ongoing"
    recorded_s = length_s(await fetched(told["record_url"]))
    assert 0.95 < recorded_s < loop.time() - asked_s, "no less than asked for, nothing made up"
    assert not call.is_over()


async def test_the_caller_hangs_up_while_it_records(customer: Customer) -> None:
    """The last notification has the link and the bill, and the recording is complete."""
    call, _ = await recording(customer)
    await call.say(tone(700, 1000))
    await call.hang_up()
    told = await customer.receiver.next(ivr_block="record")
    assert told["call_state"] == "ended"
    assert (told["duration"], told["debit"]) == ("1", "0.020")
    start, end = span_s(await fetched(told["record_url"]), 700)
    assert end - start == pytest.approx(1.0, abs=0.1)


async def test_who_hangs_up_before_the_beep_leaves_no_recording(
    customer: Customer, files: FileServer
) -> None:
    kept = customer.server.data / "recordings"
    before = set(kept.glob("*.prepared"))
    call, told = await customer.call()
    url = files.serve("long.wav", wav(tone(500, 20_000)))
    await customer.block(RECORD, told["session"], msg=f"<url>{url}</url>")
    await call.answered()
    await heard(call, 20)
    [waiting] = set(kept.glob("*.prepared")) - before
    await call.hang_up()
    over = await customer.receiver.next(ivr_block="record")
    assert over["call_state"] == "ended"
    assert "record_url" not in over.form
    await until(lambda: not waiting.exists(), "the end of what never began")
    assert not set(kept.glob(f"{waiting.stem}.*"))


async def test_a_forced_hangup_completes_the_recording(customer: Customer) -> None:
    call, session = await recording(customer)
    await call.say(tone(700, 300))
    url = customer.receiver.url("/over")
    assert await customer.hangup(session, force="enabled", notify_url=url) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await customer.receiver.next()
    assert last["ivr_block"] == "hangup"
    assert length_s(await fetched(last["record_url"])) > 0.1


async def test_a_beep_is_heard_before_it_records(customer: Customer) -> None:
    call, _ = await recording(customer)
    start, end = span_s(call.recording.pcm(), 1000)
    assert end - start > 0.1
    assert not call.is_over()


async def test_a_link_that_was_never_given_finds_nothing(customer: Customer) -> None:
    call, _ = await beeped(customer, max_duration="1")
    told = await customer.receiver.next(ivr_block="record")
    url = told["record_url"]
    name = url.removesuffix(".mp3")
    of_another = name[:-1] + ("y" if name.endswith("x") else "x") + ".mp3"
    async with aiohttp.ClientSession() as client:
        for other in (of_another, url.rpartition("/")[0] + "/", url + ".pcm"):
            async with client.get(other) as reply:
                assert reply.status in (404, 405)
    assert not call.is_over()


# Monitor ---------------------------------------------------------------------------------------


async def test_the_whole_call_is_monitored(customer: Customer, files: FileServer) -> None:
    """Both sides, in time with each other: what the caller hears and what it says."""
    call, told = await customer.call()
    session = told["session"]
    monitor = customer.receiver.url("/recordings")
    await customer.block("middle/monitor", session, monitor_notify_url=monitor, tag="m")
    begun = await customer.receiver.next(ivr_block="monitor")
    assert begun["call_state"] == "ongoing"
    assert "monitor_url" not in begun.form
    url = files.serve("one.wav", wav(np.concatenate([tone(1000, 500), silence(500)])))
    await customer.block("middle/play", session, msg=f"<url>{url}</url>")
    await customer.receiver.next(ivr_block="play", call_state="ongoing")
    await call.say(tone(700, 500))
    assert await customer.hangup(session, notify_url=customer.receiver.url("/over")) == OK
    await call.ended()
    last = await customer.receiver.next(ivr_block="hangup")
    assert "monitor_url" not in last.form
    linked = await customer.receiver.next(ivr_block="monitor")
    assert (linked["call_state"], linked["tag"]) == ("ended", "m")
    assert linked.path == "/recordings"
    assert linked["debit"] == last["debit"]
    pcm = await fetched(linked["monitor_url"])
    played, said = span_s(pcm, 1000), span_s(pcm, 700)
    assert played[1] - played[0] == pytest.approx(0.5, abs=0.1)
    assert said[1] - said[0] == pytest.approx(0.5, abs=0.1)
    assert said[0] >= played[1] + 0.4, "what was said after the message comes after it"


async def test_one_url_gets_one_last_notification(customer: Customer) -> None:
    """If no block was accepted after the Monitor, its last notification is that of the call."""
    call, told = await customer.call()
    await customer.block("middle/monitor", told["session"])
    await customer.receiver.next(ivr_block="monitor")
    await call.say(tone(700, 300))
    await call.hang_up()
    last = await customer.receiver.next(ivr_block="monitor")
    assert last["call_state"] == "ended"
    span_s(await fetched(last["monitor_url"]), 700)
    await asyncio.sleep(0.2)
    assert customer.receiver.waiting() == []


async def test_a_call_is_monitored_once(customer: Customer) -> None:
    call, told = await customer.call()
    await customer.block("middle/monitor", told["session"])
    await customer.receiver.next(ivr_block="monitor")
    url = customer.receiver.url()
    reply = await customer.post("ivr/middle/monitor", session=told["session"], notify_url=url)
    assert reply["status"] == "error_monitor_in_progress"
    assert not call.is_over()


async def test_a_record_within_a_monitor(customer: Customer) -> None:
    """Both recordings have what was said while both were under way."""
    call, told = await customer.call()
    await customer.block("middle/monitor", told["session"])
    await customer.receiver.next(ivr_block="monitor")
    before = spools(customer.server)
    await customer.block(RECORD, told["session"])
    await heard(call, 10)
    await records(customer.server, before)
    await call.say(tone(700, 500))
    await call.send_digits("#")
    recorded = await customer.receiver.next(ivr_block="record")
    await call.hang_up()
    monitored = await customer.receiver.next(ivr_block="monitor")
    for url in (recorded["record_url"], monitored["monitor_url"]):
        start, end = span_s(await fetched(url), 700)
        assert end - start == pytest.approx(0.5, abs=0.1)
