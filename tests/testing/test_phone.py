"""The phone against the scripted answerer: real UDP, real time, both ends measured."""

import asyncio
import itertools
from pathlib import Path

import numpy as np
import pytest
import uvloop

from onhook.testing import (
    CallNotAnswered,
    How,
    Phone,
    PhoneError,
    PhoneTimeout,
    call_log,
    find_tone,
    find_tones,
    g711,
    silence,
    tone,
)
from onhook.testing.g711 import Pcm
from onhook.testing.rtp import RtpError, parse, parse_event
from testing.answerer import Answerer, Manner, header

NUMBER = "+6531234567"
MESSAGE = np.concatenate([silence(100), tone(440, 200), silence(60), tone(1000, 140)])


def heard_by(answerer: Answerer, law: str = "PCMU") -> Pcm:
    """Join the sound that the answerer received."""
    packets = [parse(data) for data, _ in answerer.only_call.rtp_in]
    return np.concatenate(
        [g711.decode(law, p.payload) for p in packets if len(p.payload) == 160] or [silence(0)]
    )


async def test_a_whole_call() -> None:
    reason = "Reason: Q.850;cause=16\r\n"
    manner = Manner(plays=MESSAGE, answer_after_s=0.05, bye_headers=reason, hangs_up=False)
    said = tone(700, 300)
    async with Answerer(manner) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, talk=said)
        assert (await call.ringing()).status == 180
        assert not call.is_up()
        assert (await call.answered()).status == 200
        assert call.is_up()
        async with asyncio.timeout(60):
            while (
                len(heard_by(server)) < len(said)
                or len(call.recording.packets) < len(MESSAGE) // 160
            ):
                await asyncio.sleep(0.01)
        server.only_call.bye()
        ended = await call.ended()

        assert (ended.how, ended.reason) == (How.BYE_RECEIVED, "Q.850;cause=16")
        assert call.complaints == []
        assert server.methods() == ["INVITE", "ACK"]
        names = [event.name for event in call.events]
        assert names == [
            "invite_sent", "trying", "ringing", "answered", "ack_sent", "bye_received", "ended"
        ]  # fmt: skip
        times = [event.at_s for event in call.events]
        assert times == sorted(times)

        sound = call.recording.pcm()
        assert find_tone(sound, 440) == pytest.approx((0, 200), abs=2)
        assert find_tone(sound, 1000) == pytest.approx((260, 400), abs=2)
        assert call.recording.lost == 0
        assert call.recording.heard_s == pytest.approx(0.34)
        assert len(call.recording.silence) == 5 + 3
        at_once = find_tone(heard_by(server), 700)
        assert at_once is not None
        assert at_once[1] - at_once[0] == pytest.approx(300, abs=4)


async def test_the_distance_to_the_bye_is_the_senders() -> None:
    """It lies between what the answerer measured around its own sending, and it is no guess."""
    manner = Manner(plays=tone(440, 100), bye_after_s=0.080)
    async with Answerer(manner) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.ended()
        sent = server.only_call.frames_sent
        heard = [packet.at_s for packet in call.recording.audio]
        assert len(heard) == len(sent) == 5
        slack_s = 0.000_1  # two clocks are read one after the other
        for (before_s, after_s), at_s in zip(sent, heard, strict=True):
            assert before_s - slack_s <= at_s <= after_s + slack_s
        bye_before_s, bye_after_s = server.only_call.bye_sent_s
        distance_s = call.last_packet_to_bye_s
        assert bye_before_s - sent[-1][1] - slack_s <= distance_s
        assert distance_s <= bye_after_s - sent[-1][0] + slack_s
        assert distance_s == call.time_of("bye_received") - heard[-1]


async def test_arrival_times_do_not_depend_on_the_reader() -> None:
    """Two datagrams, read together after a stall, keep the distance at which they were sent."""
    async with Answerer(Manner(answers=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.ringing()
        ringing = server.only_call.last
        server.send(ringing.replace("180 Ringing", "181 First"), phone.address)
        loop = asyncio.get_running_loop()
        start = loop.time()
        while loop.time() - start < 0.03:  # the loop stands still, the kernel does not
            pass
        server.send(ringing.replace("180 Ringing", "182 Second"), phone.address)
        (second,) = await call.received(182)
        (first,) = await call.received(181)
        assert second.at_s - first.at_s >= 0.029


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
async def test_both_laws_and_other_payload_types(law: str) -> None:
    async with Answerer(Manner(plays=tone(440, 120), law=law)) as server, Phone() as phone:
        call = await phone.call(
            NUMBER, server=server.address, codecs=(law,), talk=tone(700, 60),
            payload_types={law: 97, "telephone-event": 96},
        )  # fmt: skip
        await call.answered()
        await call.send_digits("5", tone_ms=40)
        await call.ended()
        assert find_tone(call.recording.pcm(), 440) == pytest.approx((0, 120), abs=2)
        kinds = {parse(data).payload_type for data, _ in server.only_call.rtp_in}
        assert kinds == {96, 97}
        assert {packet.payload_type for packet in call.recording.packets} == {97}


async def test_digits_have_three_end_packets_each() -> None:
    async with Answerer(Manner(hangs_up=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.answered()
        await call.send_digits("12#", tone_ms=60, gap_ms=40)
        await call.hang_up()
        packets = [parse(data) for data, _ in server.only_call.rtp_in]
        presses = itertools.groupby(
            (p for p in packets if p.payload_type == 101), key=lambda p: p.timestamp
        )
        told = [[(p.marker, parse_event(p.payload)) for p in press] for _, press in presses]
        assert ["".join({event.digit for _, event in press}) for press in told] == ["1", "2", "#"]
        for press in told:
            assert [marker for marker, _ in press] == [True] + [False] * 5
            assert [event.end for _, event in press] == [False] * 3 + [True] * 3
            assert [e.duration_samples for _, e in press] == [160, 320, 480, 480, 480, 480]
        numbers = [p.seq for p in packets]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        sound = [p.timestamp for p in packets if p.payload_type == 0]
        assert sound == sorted(sound)


async def test_keys_are_not_delayed_by_what_is_being_said() -> None:
    async with Answerer(Manner(hangs_up=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, talk=tone(700, 20_000))
        await call.answered()
        await call.send_digits("1", tone_ms=40)
        await call.hang_up()
        assert any(parse(data).payload_type == 101 for data, _ in server.only_call.rtp_in)


async def test_a_silent_phone_still_presses_keys_and_says_what_it_is_told() -> None:
    async with Answerer(Manner(hangs_up=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, talk=False)
        await call.answered()
        await call.info_digit("4")  # a round trip, in which nothing else may leave
        assert server.only_call.rtp_in == []
        await call.send_digits("7", tone_ms=40)
        await call.say(tone(440, 100))
        await call.info_digit("4")
        packets = [parse(data) for data, _ in server.only_call.rtp_in]
        assert [p.payload_type for p in packets] == [101] * 5 + [0] * 5
        assert packets[5].marker
        assert find_tone(heard_by(server), 440) == pytest.approx((0, 100), abs=2)


async def test_an_info_digit() -> None:
    async with Answerer(Manner(hangs_up=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.answered()
        assert (await call.info_digit("#", duration_ms=200)).status == 200
        info = server.requests[-1]
        assert info.startswith("INFO sip:callee@")
        assert header(info, "Content-Type") == "application/dtmf-relay"
        assert info.endswith("\r\n\r\nSignal=#\r\nDuration=200\r\n")
        with pytest.raises(RtpError):
            await call.info_digit("x")


async def test_keys_need_telephone_events() -> None:
    async with Answerer(Manner(hangs_up=False, events=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.answered()
        with pytest.raises(PhoneError, match="telephone-event"):
            await call.send_digits("1")


async def test_cancel_while_it_rings() -> None:
    async with Answerer(Manner(answers=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.ringing()
        ended = await call.cancel()
        assert (ended.how, ended.code) == (How.CANCELLED, 487)
        invite, cancel = server.requests[:2]
        assert cancel.split(" ")[1] == invite.split(" ")[1]
        for name in ("Via", "From", "To", "Call-ID"):
            assert header(cancel, name) == header(invite, name)
        assert header(cancel, "CSeq") == "1 CANCEL"
        with pytest.raises(CallNotAnswered, match="487"):
            await call.answered()
        await phone.options(server.address)  # the ACK was before
        assert header(server.only_call.acks[0], "Via") == header(invite, "Via")


async def test_a_cancel_that_crosses_the_answer_ends_the_call() -> None:
    manner = Manner(answer_after_s=0.05, hangs_up=False, answers_cancel=False)
    async with Answerer(manner) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.ringing()
        server.only_call.on_cancel = lambda text: None  # type: ignore[method-assign]
        ended = await call.cancel()
        assert ended.how is How.BYE_SENT
        await phone.options(server.address)
        assert server.methods()[:4] == ["INVITE", "CANCEL", "ACK", "BYE"]


@pytest.mark.parametrize("status", [(403, "Forbidden"), (486, "Busy Here"), (603, "Decline")])
async def test_a_rejection(status: tuple[int, str]) -> None:
    async with Answerer(Manner(rejects=status)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        ended = await call.ended()
        assert (ended.how, ended.code, ended.reason) == (How.REJECTED, *status)
        with pytest.raises(CallNotAnswered) as caught:
            await call.ringing()
        assert caught.value.ended == ended
        assert str(status[0]) in str(caught.value)
        assert call.complaints == []


async def test_the_phone_hangs_up() -> None:
    async with Answerer(Manner(plays=tone(440, 5000))) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.answered()
        ended = await call.hang_up(headers=[("Reason", "SIP;cause=200")])
        assert ended.how is How.BYE_SENT
        bye = server.requests[-1]
        assert bye.startswith(f"BYE sip:callee@127.0.0.1:{server.port} ")
        assert header(bye, "CSeq") == "2 BYE"
        assert header(bye, "To").endswith(";tag=callee")
        assert header(bye, "Reason") == "SIP;cause=200"
        assert await call.hang_up() == ended
        assert server.methods().count("BYE") == 1


async def test_a_bye_that_is_not_answered_is_sent_again() -> None:
    async with Answerer(Manner(hangs_up=False, answers_bye=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.answered()
        with pytest.raises(PhoneTimeout, match="BYE"):
            await call.hang_up(timeout_s=0.8)
        await server.asked("BYE", 2)
        byes = [text for text in server.requests if text.startswith("BYE")]
        assert len(byes) >= 2
        assert len(set(byes)) == 1
        assert (await call.ended()).how is How.BYE_SENT


async def test_no_ack_at_all() -> None:
    async with Answerer(Manner(repeat_answer_s=0.02)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, ack=False)
        await call.answered()
        await call.received(200, 3)
        assert server.only_call.acks == []


async def test_a_late_ack() -> None:
    manner = Manner(plays=tone(440, 40), repeat_answer_s=0.03)
    async with Answerer(manner) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, ack_delay_s=0.2)
        await call.ended()
        assert call.time_of("ack_sent") - call.time_of("answered") >= 0.199
        answers = [s for s in call.log.received(200) if s.message.method == "INVITE"]
        assert len(answers) >= 2
        assert call.complaints == []
        assert len(set(server.only_call.acks)) == 1  # the same, if a 200 crossed it


async def test_ignored_answers() -> None:
    manner = Manner(plays=tone(440, 40), repeat_answer_s=0.02)
    async with Answerer(manner) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, ignore_answers=2)
        await call.ended()
        answers = [s for s in call.log.received(200) if s.message.method == "INVITE"]
        assert [seen.ignored for seen in answers] == [True, True, False]


async def test_an_answer_to_an_invite_that_was_given_up_is_acknowledged_and_hung_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("onhook.testing.requests.GIVE_UP_S", 0.1)
    manner = Manner(answers_invite_from=2, hangs_up=False)
    async with Answerer(manner) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, repeat_invite_after_s=(0.3,))
        assert (await call.ended()).how is How.TIMED_OUT
        await server.asked("BYE")
        assert server.methods() == ["INVITE", "INVITE", "ACK", "BYE"]
        assert call.complaints == []


async def test_an_unanswered_bye_is_repeated_by_the_server() -> None:
    manner = Manner(plays=tone(440, 40), bye_repeats_s=(0.02, 0.04))
    async with Answerer(manner) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, answer_bye=False)
        assert (await call.ended()).how is How.BYE_RECEIVED
        await call.received("BYE", 3)
        assert server.responses == []
        assert call.complaints == []  # a repeated request is no new one


async def test_a_repeated_bye_is_answered_again() -> None:
    manner = Manner(plays=tone(440, 40), bye_repeats_s=(0.02, 0.04))
    async with Answerer(manner) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.ended()
        await server.responded(3)
        assert [event.name for event in call.events].count("ended") == 1


async def test_a_repeated_invite_is_the_same_datagram() -> None:
    async with Answerer(Manner(answer_after_s=0.1, hangs_up=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, repeat_invite_after_s=(0.0, 0.02))
        await call.answered()
        call.repeat_invite()
        await call.info_digit("1")
        invites = [text for text in server.requests if text.startswith("INVITE")]
        assert len(invites) == 4
        assert len(set(invites)) == 1
        assert len(call.log.received(180)) == 3
        assert call.complaints == []


async def test_a_lost_invite_is_sent_again() -> None:
    async with Answerer(Manner(answers_invite_from=2)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.ringing()
        assert len(call.log.sent("INVITE")) == 2


async def test_an_invite_without_offer() -> None:
    async with Answerer(Manner(plays=tone(440, 100), law="PCMA")) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, offer=False)
        await call.ended()
        assert "m=audio" not in server.requests[0]
        ack = server.only_call.acks[0]
        assert header(ack, "Content-Type") == "application/sdp"
        assert f"m=audio {call.audio.address[1]} RTP/AVP 8 101\r\n" in ack
        assert find_tone(call.recording.pcm(), 440) == pytest.approx((0, 100), abs=2)
        assert call.complaints == []


async def test_no_common_codec() -> None:
    async with Answerer() as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, codecs=("G729", "opus"))
        assert (await call.ended()).code == 488
        assert "a=rtpmap:111 opus/48000/2\r\n" in server.requests[0]


async def test_sound_from_another_port() -> None:
    async with Answerer(Manner(plays=tone(440, 100))) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address, rtp_from_other_port=True)
        await call.answered()
        described, sends_from = call.audio.address, call.audio.sending_address
        assert described != sends_from
        await call.ended()
        assert {source for _, source in server.only_call.rtp_in} == {sends_from}
        assert {packet.local_port for packet in call.recording.packets} == {described[1]}


async def test_requests_follow_the_record_route() -> None:
    async with Answerer(Manner(hangs_up=False)) as proxy, Phone() as phone:
        routes = (
            "<sip:far@192.0.2.1;lr>, <sip:mid@192.0.2.2;lr>",
            f"<sip:127.0.0.1:{proxy.port};lr>",
        )
        proxy.manner = Manner(hangs_up=False, record_route=routes)
        call = await phone.call(NUMBER, server=proxy.address)
        await call.answered()
        await call.hang_up()
        bye = proxy.requests[-1]
        found = [line for line in bye.split("\r\n") if line.startswith("Route:")]
        assert found == [
            f"Route: <sip:127.0.0.1:{proxy.port};lr>",
            "Route: <sip:mid@192.0.2.2;lr>",
            "Route: <sip:far@192.0.2.1;lr>",
        ]


async def test_requests_of_the_server_within_the_call_are_answered() -> None:
    async with Answerer(Manner(hangs_up=False, reinvites=True)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.answered()
        for number, method in enumerate(("OPTIONS", "INFO", "REFER"), start=21):
            server.send(server.only_call.request(method, number), phone.address)
        await server.responded(4)
        told = {header(text, "CSeq"): text for text in server.responses}
        assert "m=audio" in told["20 INVITE"]
        assert told["21 OPTIONS"].startswith("SIP/2.0 200")
        assert told["23 REFER"].startswith("SIP/2.0 501")
        assert call.complaints == []


async def test_a_server_that_breaks_the_rules_is_told_of() -> None:
    async with Answerer(Manner(hangs_up=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.answered()
        bye = server.only_call.request("BYE", 1).replace("Max-Forwards: 70\r\n", "")
        bye = bye.replace("branch=z9hG4bK", "branch=").replace(";tag=callee", ";tag=else")
        server.send(bye, phone.address)
        await call.ended()
        server.send(bye.replace("branch=", "branch=2"), phone.address)
        await call.received("BYE", 2)
        told = "\n".join(call.complaints)
        for sentence in ("tag in From", "magic cookie", "Max-Forwards", "CSeq of BYE did not rise"):
            assert sentence in told


async def test_a_bad_answer_is_told_of() -> None:
    async with Answerer(Manner(answers=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.ringing()
        ok = server.only_call.last.replace("180 Ringing", "200 OK")
        server.send(ok.replace("callee", "changed").replace("CSeq: 1", "CSeq: 01"), phone.address)
        await call.answered()
        told = "\n".join(call.complaints)
        for sentence in ("another tag", "CSeq", "one Contact", "without SDP"):
            assert sentence in told


async def test_a_response_to_something_else_is_told_of() -> None:
    async with Answerer(Manner(answers=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.ringing()
        wrong = server.only_call.last.replace("180 Ringing", "200 OK").replace(
            "branch=", "branch=x"
        )
        server.send(wrong, phone.address)
        (seen,) = await call.received(200)
        assert seen.ignored
        assert "another branch" in call.complaints[0]
        assert not call.is_up()


async def test_a_flood_of_messages_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_log, "MAX_ENTRIES", 5)
    async with Answerer(Manner(answers=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.ringing()
        for _ in range(50):
            server.send(server.only_call.last.replace(";tag=callee", ""), phone.address)
        await phone.options(server.address)  # behind them on the same socket
        assert (len(call.messages), len(call.complaints)) == (5, 5)


async def test_waiting_ends_and_shows_what_was_seen() -> None:
    async with Answerer(Manner(answers=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.ringing()
        with pytest.raises(TimeoutError, match="180 Ringing") as caught:
            await call.answered(timeout_s=0.05)
        assert isinstance(caught.value, PhoneTimeout)
        assert (await call.cancel()).code == 487, (
            "a wait that timed out does not spoil the next one"
        )


async def test_keys_of_a_call_that_ends_meanwhile() -> None:
    async with Answerer(Manner(hangs_up=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        await call.answered()
        keys = asyncio.create_task(call.send_digits("1234"))
        await asyncio.sleep(0)  # the first one is being pressed
        await call.hang_up()
        async with asyncio.timeout(60):
            with pytest.raises(PhoneError):
                await keys


async def test_what_cannot_be_done_now() -> None:
    async with Answerer(Manner(answers=False)) as server, Phone() as phone:
        call = await phone.call(NUMBER, server=server.address)
        for attempt in (call.hang_up(), call.say(tone(440, 20)), call.send_digits("1")):
            with pytest.raises(PhoneError):
                await attempt
        with pytest.raises(LookupError):
            call.time_of("answered")
        for number in ("1 2", "1\r\nX: y"):
            with pytest.raises(ValueError, match="blanks"):
                await phone.call(number, server=server.address)
        with pytest.raises(ValueError, match="EVS"):
            await phone.call(NUMBER, server=server.address, codecs=("EVS",))
    with pytest.raises(PhoneError, match="async with"):
        await phone.call(NUMBER, server=server.address)


async def test_leaving_ends_every_call() -> None:
    async with Answerer(Manner(hangs_up=False)) as server:
        async with Phone() as phone:
            talking = await phone.call(NUMBER, server=server.address)
            await talking.answered()
            server.manner = Manner(answers=False)
            ringing = await phone.call(NUMBER, server=server.address)
            await ringing.ringing()
            gone = await phone.call(NUMBER, server=server.address)
            await gone.ringing()
            gone.vanish()
        assert (await talking.ended()).how is How.BYE_SENT
        assert (await ringing.ended()).how is How.CANCELLED
        assert (await gone.ended()).how is How.VANISHED
        assert server.methods().count("BYE") == server.methods().count("CANCEL") == 1


async def test_options_strays_and_noise() -> None:
    async with Answerer() as server, Phone() as phone:
        assert (await phone.options(server.address)).status == 200
        for noise in (
            b"\r\n\r\n",
            b"\x00",
            b"junk",
            b"SIP/2.0 200 OK\r\n\r\n",
            b"BYE sip:x SIP/2.0\r\n\r\n",
        ):
            server.transport.sendto(noise, phone.address)
        stray = (
            "BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a>;tag=1\r\n"
            "To: <sip:b>;tag=2\r\nCall-ID: nobody\r\nCSeq: 1 BYE\r\n\r\n"
        )
        server.send(stray, phone.address)
        await server.responded(1)
        assert server.responses[0].startswith("SIP/2.0 481")
        assert phone.unreadable == 3
        assert [message.call_id for message in phone.stray] == ["nobody"]


async def test_many_calls_at_once_from_one_phone(tmp_path: Path) -> None:
    async with Answerer(Manner(plays=MESSAGE)) as server, Phone() as phone:
        calls = [await phone.call(NUMBER, server=server.address) for _ in range(8)]
        await asyncio.gather(*(call.ended() for call in calls))
        for call in calls:
            (span,) = find_tones(call.recording.pcm(), 440)
            assert span == pytest.approx((0, 200), abs=2)
            assert call.complaints == []
        assert len({call.audio.address for call in calls}) == 8
        assert all(call.audio.address[1] % 2 == 0 for call in calls)
        calls[0].recording.save_wav(tmp_path / "heard.wav")
        assert (tmp_path / "heard.wav").stat().st_size == 44 + 2 * 3200


def test_on_uvloop() -> None:
    async def one_call() -> None:
        async with Answerer(Manner(plays=MESSAGE)) as server, Phone() as phone:
            call = await phone.call(NUMBER, server=server.address)
            assert (await call.ended()).how is How.BYE_RECEIVED
            assert find_tone(call.recording.pcm(), 1000) == pytest.approx((260, 400), abs=2)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(one_call())
