"""Writes pictures of every page of the console, light and dark, of a desktop and of a phone, to docs/console.

A server is started for it, with calls that are really made; only those of the day before are written by the
hundred. ``make screenshots`` runs it.
"""

import asyncio
import io
import random
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import quote

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer, Onhook
from console.chromium import DESKTOP, PHONE, chromium, paths, window
from console.harness import Browser, add_operator
from onhook.cli import accounts, applications, ledger, rates, trunks
from onhook.cli.opening import opened_store
from onhook.console.roles import Role
from onhook.store import CallRecord, StoredDialogs, Writes
from onhook.testing.network import Network
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.tones import tone

OUT: Final = Path(__file__).parents[1] / "docs" / "console"
SIZES: Final = {"desktop": DESKTOP, "phone": PHONE}
COLOURS: Final = 64
MOST_BYTES: Final = 100_000
WHOLE: Final = "calls-session"
"""The page of which there is a picture of all of it, too: what is on it is longer than a screen."""
_SEEN: Final = """(async () => {
    const drawings = [...document.images];
    drawings.forEach((one) => { one.loading = "eager"; });
    await Promise.all(drawings.map((one) => one.decode()));
})()"""
"""Has what is drawn only when it comes near the screen be there."""
_DAY_MS: Final = 86_400_000
_PAST: Final = 900
"""Calls of the day before, which were not made, for lists and charts to have something to show."""
_CALLEE: Final = "+4930123456"


class Shop:
    """A business with a server, whose customers call it."""

    def __init__(self, desk: Customer, line: Customer, files: FileServer) -> None:
        self.desk, self.line = desk, line
        self.receiver = desk.receiver
        self._beep = f"<url>{files.serve('beep.wav', BEEP)}</url>"

    async def leaves_a_message(self) -> str:
        """A caller chooses with a key, leaves a message, and is thanked; the session."""
        talk = np.concatenate([tone(220 + 40 * (n % 5), 400, level_dbfs=-18) for n in range(30)])
        phone = self.desk.phone
        call = await phone.call(
            self.desk.number,
            server=self.desk.server.sip,
            network=Network(loses_sent=60, jitter_s=(0.0, 0.008)),
            talk=talk,
        )
        told = await self.receiver.next(to=self.desk.number, call_state="ringing")
        session = told["session"]
        refused = await self.desk.post("ivr/middle/play", session=session, msg="<speech>Welcome")
        assert refused["status"] == "error_msg_invalid_xml", refused
        welcome = "Welcome to the shop. To leave a message, press one."
        await self.desk.block("middle/gather", session, msg=welcome, max_digits="1")
        await call.answered()
        await asyncio.sleep(2)
        await call.send_digits("1")
        await self.receiver.next(session=session, ivr_block="gather")
        asks = "Please speak after the tone, and press the hash key."
        await self.desk.block("middle/record", session, msg=asks, finish_on_key="#")
        await asyncio.sleep(13)
        await call.send_digits("#")
        await self.receiver.next(session=session, ivr_block="record")
        end = self.receiver.url("/end")
        await self.desk.hangup(session, msg="Thank you. Good bye.", notify_url=end)
        await call.ended()
        await self.receiver.next(session=session, call_state="ended")
        return session

    async def drop(self) -> None:
        """Calls that end in several ways."""
        end = self.receiver.url("/end")
        for number in range(6):
            whose = (self.desk, self.line)[number % 2]
            call, told = await whose.call()
            if number == 2:
                await call.cancel()
            elif number == 3:
                await whose.hangup(told["session"], notify_url=end)
            else:
                await whose.block("middle/play", told["session"], msg=self._beep)
                await call.answered()
                await call.hang_up()
            await self.receiver.next(session=told["session"], call_state="ended")

    async def go_on(self, callee: Phone) -> None:
        """Calls in several blocks and states."""
        calls = [await whose.call() for whose in (self.desk, self.line) * 4]
        blocks: tuple[tuple[str, dict[str, str]], ...] = (
            ("middle/play", {"msg": "A" + ", and another" * 40}),
            ("middle/gather", {"msg": "Which department?", "max_digits": "1", "timeout": "60"}),
            ("middle/record", {"msg": self._beep}),
            ("middle/hold", {}),
            ("end/transfer", {"dest": _CALLEE}),
        )
        for (path, params), (call, told), whose in zip(
            blocks, calls, (self.desk, self.line) * 4, strict=False
        ):
            await whose.block(path, told["session"], **params)
            if path.startswith("middle"):
                await call.answered()
        (await callee.incoming()).ring()


def past(app_ids: Sequence[str], now_ms: int) -> list[CallRecord]:
    """Calls of the last day: more at noon than at night, some of which nobody answered."""
    drawn = random.Random(1)  # so pictures look alike whenever they are made
    found = []
    for number in range(_PAST):
        ago_ms = round(_DAY_MS * drawn.betavariate(2, 2))
        began_ms, rings_ms = now_ms - ago_ms, round(drawn.uniform(400, 2600))
        talked_ms = round(drawn.lognormvariate(4.3, 0.8) * 1000) if drawn.random() < 0.86 else 0
        answered_ms = began_ms + rings_ms if talked_ms else None
        by, cause = drawn.choice(_ENDS) if talked_ms else ("caller", "cancelled")
        minutes = -(-talked_ms // 60_000)
        found.append(
            CallRecord(
                session=f"S{drawn.getrandbits(100):020x}"[:21],
                txn_ref=f"AA-C-{drawn.getrandbits(59):018}",
                app_id=app_ids[number % len(app_ids)],
                owner="main",
                state="ended",
                from_number=f"+659{drawn.randrange(10**6, 10**7)}",
                to_number=f"+65612390{number % 3:02}",
                began_ms=began_ms,
                answered_ms=answered_ms,
                ended_ms=began_ms + rings_ms + talked_ms,
                duration_ms=talked_ms,
                billed_s=60 * minutes,
                minutes=minutes,
                ended_by=by,
                cause=cause,
                currency="SGD",
                rate="0.012",
                debit=f"{minutes * Decimal('0.012'):.3f}",
                dialog=StoredDialogs(left=False),
            )
        )
    return found


_ENDS: Final = (
    *(("caller", "hangup"),) * 12,
    *(("application", "hangup"),) * 9,
    ("network", "media_lost"),
)


async def furnish(
    server: Onhook, receiver: Receiver, phone: Phone, callee: Phone, files: FileServer
) -> dict[str, str]:
    """Things of each kind, calls that were, and calls that go on; the names that stand in paths."""
    data = server.data
    desk, line = [await Customer.make(server, receiver, phone) for _ in range(2)]
    for one, name in ((desk, "Front desk"), (line, "Support line")):
        await applications.update_application(data, one.app_id, None, name)
    place = f"127.0.0.1:{callee.address[1]}"
    for name, proxy, prefix in (("carrier", place, "+49"), ("spare", "192.0.2.20:5060", "+65")):
        ping = "30" if name == "carrier" else "0"
        given = trunks.Given(name, proxy, prefix=prefix, username="onhook", ping=ping)
        await trunks.add(data, given)
    for tail in range(3):
        url = "https://app.example.com/calls"
        await accounts.add_number(data, f"+65612390{tail:02}", line.app_id, url)
    await ledger.credit_account(data, "main", "250", note="bank transfer")
    await rates.set_rate(data, "in", "*", "SGD", "0.012", ("60", "60"))
    await rates.set_rate(data, "out", "65", "SGD", "0.020", ("60", "6"))
    await rates.set_rate(data, "out", "49", "SGD", "0.031", ("60", "60"))
    before = past([desk.app_id, line.app_id], round(time.time() * 1000) - 60_000)
    async with opened_store(data) as store:
        await store.submit(Writes(calls=tuple(before)))
    shop = Shop(desk, line, files)
    await shop.drop()
    session = await shop.leaves_a_message()
    await shop.go_on(callee)
    return {"app_id": line.app_id, "number": quote(desk.number, safe=""), "session": session}


def small(picture: bytes, most_bytes: int = MOST_BYTES) -> bytes:
    """The picture in few colours."""
    for colours in (COLOURS, 32, 16):
        out = io.BytesIO()
        palette = Image.open(io.BytesIO(picture)).convert("RGB").quantize(colours)
        palette.save(out, "PNG", optimize=True)
        if len(out.getvalue()) <= most_bytes:
            break
    return out.getvalue()


def named(path: str, names: dict[str, str]) -> str:
    """What a page's pictures are called: its path, with what its names stand for."""
    for name, value in names.items():
        path = path.replace(f"/{value}", f"/{name}")
    return path.removeprefix("/console/").replace("/", "-")


async def draw(server: Onhook) -> None:
    """All pages of a server."""
    async with (
        Receiver() as receiver,
        Phone("+6598765432") as phone,
        Phone(_CALLEE) as callee,
        FileServer() as files,
    ):
        names = await furnish(server, receiver, phone, callee, files)
        operator = await add_operator(server, Role.ADMINISTER, "mei")
        shown = {**names, "account": "main", "name": "carrier", "operator": operator}
        async with Browser(server.url) as session, chromium() as browser:
            await session.sign_in(operator)
            async with window(browser, session) as one:
                for path in paths(**names):
                    await one.show(path)
                    for size, pixels in SIZES.items():
                        await one.resize(pixels)
                        for dark in (False, True):
                            await one.paint(dark=dark)
                            await asyncio.sleep(0.4)  # charts are drawn anew
                            theme = "dark" if dark else "light"
                            name = named(path, shown)
                            file = OUT / f"{name}-{theme}-{size}.png"
                            file.write_bytes(small(await one.page.screenshot()))
                            if name == WHOLE and size == "desktop":
                                await one.page.evaluate(_SEEN)
                                whole = await one.page.screenshot(full_page=True)
                                (OUT / f"{name}-whole-{theme}.png").write_bytes(
                                    small(whole, 2 * MOST_BYTES)
                                )
                assert not one.troubles, one.troubles


def main() -> None:
    """Old pictures go, new ones come."""
    OUT.mkdir(exist_ok=True)
    for file in OUT.glob("*.png"):
        file.unlink()
    server = Onhook({"ringing_s": "180", "idle_s": "600", "silence_s": "600"})
    try:
        asyncio.run(draw(server))
    finally:
        server.close()
    print(f"{len(list(OUT.glob('*.png')))} pictures are in {OUT}.")


if __name__ == "__main__":
    main()
