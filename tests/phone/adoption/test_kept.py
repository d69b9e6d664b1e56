"""What is kept survives JSON for whatever a call can be; and whatever is read in its place does no harm."""

import asyncio
import copy
import json
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.phone import Direction, IncomingCall, RemoteMedia, SdpCodec, SipEndpoint, Trunk
from onhook.phone.addresses import TcpAddress, TlsAddress, TlsFiles, UdpAddress
from onhook.phone.dialog import HEADROOM, SipDialog, headroom_of
from onhook.phone.kept.keys import kept_keys, keys_of
from onhook.phone.kept.media import kept_media, media_of
from onhook.phone.kept.outside import outside
from onhook.phone.kept.packing import NAMES, packed, unpacked
from onhook.phone.kept.reading import Fields, KeptUnreadable
from onhook.phone.kept.session import KeptSession, SessionState, read_session
from onhook.phone.sdp_types import PTIMES_MS, Offer
from onhook.phone.sdp_writer import LocalMedia
from onhook.phone.srtp.crypto import Agreed, Crypto, MasterKey, Suite
from phone.adoption.succession import Kept, Succession, kept_of, succession
from phone.peer import LOOPBACK, SDP, Caller, Dialler, Owner, answer_at_once

PORTS = st.integers(1, 65535)
HOSTS = st.ip_addresses().map(str)
TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
"""Of headers that are no UTF-8 there are lone surrogates."""
KEYS = st.builds(
    MasterKey, st.binary(min_size=30, max_size=30), st.sampled_from(Suite), st.binary(max_size=16)
)
AGREED = st.builds(Agreed, st.integers(1, 10**9 - 1), KEYS, KEYS, st.booleans())
LINES = st.lists(st.builds(Crypto, st.integers(1, 9), KEYS, st.integers(1, 2**48)), max_size=3)
CODECS = st.lists(st.sampled_from(SdpCodec), min_size=1, max_size=2, unique=True).map(tuple)
OPTIONAL = st.none() | st.integers(0, 127)
MEDIA = st.builds(
    RemoteMedia,
    ip=HOSTS,
    port=st.integers(0, 65535),
    codecs=CODECS,
    dtmf_payload_type=OPTIONAL,
    ptime_ms=st.none() | st.integers(1, 200),
    direction=st.sampled_from(Direction),
    dtmf_from_peer=OPTIONAL,
    payload_types=st.dictionaries(st.sampled_from(SdpCodec), st.integers(0, 127), max_size=2),
    rtcp=st.none() | st.tuples(HOSTS, PORTS),
    rtcp_mux=st.booleans(),
    comfort_noise=st.booleans(),
    srtp=st.none() | AGREED,
    said_ipv6=st.booleans(),
    packet_ms=st.sampled_from(PTIMES_MS),
    maxptime_ms=st.none() | st.integers(1, 200),
)
LOCALS = st.sampled_from(["", "127.0.0.1:5060", "[::1]:5061"])
ADDRESSES = st.one_of(
    st.tuples(HOSTS, PORTS),
    st.builds(UdpAddress, HOSTS, PORTS).map(lambda one: one.heard_by("127.0.0.1:5060")),
    st.builds(lambda host, port, local: TcpAddress(host, port).heard_by(local), HOSTS, PORTS, LOCALS),
    st.builds(
        lambda host, port, name, local: TlsAddress(
            host, port, name, TlsFiles("a", "b", "c")
        ).heard_by(local),
        HOSTS, PORTS, st.sampled_from(["", "carrier.example"]), LOCALS,
    ),
)  # fmt: skip


def through_json(data: Any) -> Any:
    return json.loads(json.dumps(data))


@given(MEDIA)
def test_media_survive(media: RemoteMedia) -> None:
    kept = through_json(kept_media(media))
    assert media_of(Fields(kept, "media"), media.srtp) == media
    assert "inline" not in str(kept)


@given(st.none() | AGREED, LINES)
def test_keys_survive(agreed: Agreed | None, offered: list[Crypto]) -> None:
    both = keys_of(through_json(kept_keys(agreed, offered)))
    assert both == (agreed, tuple(offered))
    assert both[0] is None or agreed is None or both[0].answered is agreed.answered


@given(
    TEXTS,
    TEXTS,
    st.lists(TEXTS, max_size=3),
    ADDRESSES,
    st.integers(0, 2**31 - 1),
    st.integers(1, 2**31),
)
def test_a_dialog_survives(
    local: str, remote: str, routes: list[str], source: Any, theirs: int, ours: int
) -> None:
    dialog = SipDialog(
        call_id="c", local=f"{local};tag=ours", remote=remote, remote_tag="t", target="sip:a@b",
        routes=tuple(routes), source=source, remote_cseq=theirs, next_cseq=ours,
    )  # fmt: skip
    kept = through_json(dialog.kept())
    again = SipDialog.of_kept(Fields(kept, "dialog"), HEADROOM)
    assert again.kept() == {**kept, "next_cseq": ours + HEADROOM}
    assert (again.local_tag, again.source) == ("ours", source)
    assert dialog.kept() is dialog.kept()


def test_each_that_comes_after_another_leaves_out_more_numbers() -> None:
    rooms = [headroom_of(number) for number in range(1, 50)]
    assert all(later - earlier >= HEADROOM for earlier, later in pairwise(rooms))
    assert max(headroom_of(number) for number in range(5000)) * 10_000 < 2**31


@st.composite
def sessions(draw: st.DrawFn) -> SessionState:
    agreed = draw(st.none() | AGREED)
    session_id, media = draw(st.integers(0, 2**31)), draw(st.none() | MEDIA)
    media = None if media is None else RemoteMedia(
        media.ip, media.port, media.codecs, direction=media.direction, srtp=agreed
    )  # fmt: skip
    local = draw(
        st.none() | st.builds(LocalMedia, HOSTS, PORTS, st.just(session_id), st.integers(1, 99))
    )
    streams = ("audio 40000 RTP/AVP 8 0", "video 0 RTP/AVP 99")
    offered = Offer(media, streams, 0) if media and draw(st.booleans()) else None
    said = draw(st.binary(max_size=20)).decode("ascii", "replace").encode("ascii", "replace")
    return SessionState(
        session_id, draw(st.just(()) | CODECS), draw(st.sampled_from((0, *PTIMES_MS))),
        draw(st.sampled_from(("off", "prefer", "require"))), draw(st.booleans()), agreed,
        tuple(draw(LINES)), local, media, offered, draw(OPTIONAL), said,
    )  # fmt: skip


@given(sessions())
def test_a_session_survives(state: SessionState) -> None:
    kept, keys = through_json(KeptSession().of(state))
    assert read_session(Fields(kept, "session"), keys) == state
    assert bool(keys) is (state.agreed is not None or state.cryptos != ())


# Whatever is read in its place -----------------------------------------------------------------------

JUNK: tuple[object, ...] = (
    None,
    "",
    "x",
    0,
    -1,
    2**70,
    1.5,
    True,
    [],
    {},
    ["x"],
    [["a", 1]],
    {"a": 1},
    "\ud800",
    "a=crypto:",
)


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value within."""
    if at:
        yield at
    items = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in items:
        yield from places(value, (*at, key))


def broken(kept: Kept, at: tuple[Any, ...], value: object, *, gone: bool) -> Kept:
    made: Any = copy.deepcopy(kept)
    inner = made
    for key in at[:-1]:
        inner = inner[key]
    if gone and isinstance(inner, dict):
        del inner[at[-1]]
    else:
        inner[at[-1]] = value
    return made  # type: ignore[no-any-return]


async def ringing(on: Succession) -> tuple[Kept, Trunk | None]:
    caller = Caller(on.peer)
    await caller.ringing(headers=("Supported: 100rel, timer",))
    await on.peer.status(180)
    return kept_of(on.owner.call), None


async def unacknowledged(on: Succession) -> tuple[Kept, Trunk | None]:
    caller = Caller(on.peer)
    await caller.ringing()
    answer_at_once(on.owner.call)
    await on.peer.until_quiet()
    return kept_of(on.owner.call), None


async def dialling(on: Succession) -> tuple[Kept, Trunk | None]:
    dialler, callee = await on.dialled(srtp="prefer", username="u", password="p")
    callee.respond(401, headers=('WWW-Authenticate: Digest realm="r", nonce="n"',))
    await on.peer.request("ACK")
    await on.peer.request("INVITE")
    return kept_of(dialler.call), Trunk(*on.peer.address, srtp="prefer", username="u", password="p")


async def refreshing(on: Succession) -> tuple[Kept, Trunk | None]:
    dialler, callee = await on.dialled()
    await callee.answer(headers=("Session-Expires: 90;refresher=uac",))
    await dialler.until("answered")
    on.clock.advance(45)
    await on.peer.request("INVITE")
    return kept_of(dialler.call), Trunk(*on.peer.address)


@pytest.mark.parametrize("state", [ringing, unacknowledged, dialling, refreshing])
async def test_what_is_broken_is_refused_and_leaves_nothing(
    state: Callable[[Succession], Any],
) -> None:
    def ring(call: IncomingCall) -> None:
        call.ring()

    chance = random.Random(16)
    async with succession(ring) as on:
        kept, trunk = await state(on)
        await on.die()
        await on.stand()
        for at in places(kept):
            for value in (*chance.sample(JUNK, 4), "gone"):
                made = broken(kept, at, value, gone=value == "gone")
                nobody = Dialler() if made.get("direction") == "out" else Owner.__new__(Owner)
                try:
                    call = on.endpoint.adopt(made, nobody, trunk)
                except KeptUnreadable:
                    assert on.endpoint.live_calls == 0
                    assert len(on.endpoint.transactions) == 0, at
                else:
                    assert outside(made).sip_call_id == call.dialog.call_id
                    call.abandon()
                    assert on.endpoint.live_calls == 0
                    assert len(on.endpoint.transactions) == 0, at


@pytest.mark.parametrize("state", [ringing, unacknowledged, dialling, refreshing])
async def test_what_was_taken_over_keeps_the_same(state: Callable[[Succession], Any]) -> None:
    def ring(call: IncomingCall) -> None:
        call.ring()

    async with succession(ring) as on:
        kept, trunk = await state(on)
        for _ in range(3):
            await on.die()
            await on.stand()
            nobody = Dialler() if kept["direction"] == "out" else Owner.__new__(Owner)
            again = kept_of(on.endpoint.adopt(kept, nobody, trunk))
            ours = {**kept["dialog"], "next_cseq": kept["dialog"]["next_cseq"] + HEADROOM}
            assert again["dialog"] == ours
            if "unanswered" in kept.get(
                "out", {}
            ):  # dialogs that are still to come have headroom too
                sent = again["out"]["unanswered"]["invite"]["sent"]
                before = kept["out"]["unanswered"]["invite"]["sent"].get("ahead", 0)
                assert sent.pop("ahead") == before + HEADROOM
                kept["out"]["unanswered"]["invite"]["sent"].pop("ahead", None)
                assert {**again, "dialog": ours} == {**kept, "dialog": ours}
                sent["ahead"] = before + HEADROOM
            else:
                assert {**again, "dialog": ours} == {**kept, "dialog": ours}
            kept = again


@pytest.mark.parametrize("state", [ringing, unacknowledged, dialling, refreshing])
async def test_what_is_packed_is_the_same_in_less(state: Callable[[Succession], Any]) -> None:
    """Not one part has names of which packing does not know."""

    def ring(call: IncomingCall) -> None:
        call.ring()

    async with succession(ring) as on:
        kept, _ = await state(on)
        less = through_json(packed(kept))
        assert unpacked(less) == kept
        assert len(json.dumps(less)) < len(json.dumps(kept)) - 300
        assert all(isinstance(less[name], list) for name in ("dialog", "session", "timer"))
        media = less["session"][NAMES["session"].index("media")]
        assert media is None or isinstance(media, list)
        if "in" in kept:
            rows = [less["in"].get(name) for name in ("offer", "ringing")]
            assert all(row is None or isinstance(row, list) for row in rows)


async def test_what_is_no_row_is_left_to_whoever_reads_it() -> None:
    def ring(call: IncomingCall) -> None:
        call.ring()

    async with succession(ring) as on:
        kept, _ = await ringing(on)
        await on.die()
        await on.stand()
        less = packed(kept)
        for name in ("dialog", "session", "timer", "in"):
            for value in JUNK:
                made = unpacked({**less, name: value})
                assert made[name] == value
                with pytest.raises(KeptUnreadable):
                    on.endpoint.adopt(made, Owner.__new__(Owner))


@pytest.mark.parametrize("kept", [{}, {"v": 1}, {"v": 2}, {"v": True}, {"v": 1, "direction": "up"}])
async def test_what_is_no_leg_is_none(kept: Kept) -> None:
    endpoint = SipEndpoint(on_call=lambda call: None, trusted_peers=LOOPBACK)
    with pytest.raises(KeptUnreadable):
        endpoint.adopt(kept, Dialler())
    await asyncio.sleep(0)


async def test_a_call_of_another_trunk_is_refused() -> None:
    async with succession() as on:
        dialler, _ = await on.talking(name="one")
        kept = kept_of(dialler.call)
        assert outside(kept).trunk == "one"
        await on.die()
        await on.stand()
        for trunk in (None, Trunk(*on.peer.address, name="two")):
            with pytest.raises(KeptUnreadable):
                on.endpoint.adopt(kept, Dialler(), trunk)
        await on.endpoint.serve()


async def test_what_is_seen_from_outside() -> None:
    async with succession(answer_at_once) as on:
        await Caller(on.peer).established(body=SDP)
        seen = outside(kept_of(on.owner.call))
        assert (seen.we_called, seen.state, seen.trunk, seen.port) == (
            False,
            "established",
            "",
            20000,
        )
        assert seen.media == on.owner.call.agreed
