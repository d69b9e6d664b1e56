"""Writes pictures of every page of the console, light and dark, of a desktop and of a phone, to docs/console.

A server is started for it, with calls that were really made. ``make screenshots`` runs it.
"""

import asyncio
import io
import sys
from pathlib import Path
from typing import Final
from urllib.parse import quote

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer, Onhook
from console.chromium import DESKTOP, PHONE, chromium, paths, window
from console.harness import Browser, add_operator
from onhook.cli import accounts, ledger, rates, trunks
from onhook.console.roles import Role
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

OUT: Final = Path(__file__).parents[1] / "docs" / "console"
SIZES: Final = {"desktop": DESKTOP, "phone": PHONE}
COLOURS: Final = 64
MOST_BYTES: Final = 100_000
_ENDED: Final = 12
_LIVE: Final = 8


async def furnish(
    server: Onhook, receiver: Receiver, phone: Phone, files: FileServer
) -> dict[str, str]:
    """Things of each kind, calls that were, and calls that go on; the names that stand in paths."""
    customer = await Customer.make(server, receiver, phone)
    data = server.data
    for name, proxy, prefix in (
        ("carrier", "192.0.2.10:5060", "+65"),
        ("office", "192.0.2.20:5060", "+49"),
    ):
        await trunks.add(data, trunks.Given(name, proxy, prefix=prefix, username="onhook"))
    other = await accounts.create_application(data, "Support line")
    for tail in range(3):
        url = "https://app.example.com/calls"
        await accounts.add_number(data, f"+65612390{tail:02}", other["app_id"], url)
    await ledger.credit_account(data, "main", "250", note="bank transfer")
    await rates.set_rate(data, "in", "*", "SGD", "0.012", ("60", "60"))
    await rates.set_rate(data, "out", "65", "SGD", "0.020", ("60", "6"))
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    told = None
    for number in range(_ENDED):
        call, told = await customer.call()
        said = {"msg": msg} if number % 4 else {}
        await customer.hangup(told["session"], notify_url=receiver.url("/end"), **said)
        await call.ended()
        await receiver.next(session=told["session"], call_state="ended")
    for _ in range(_LIVE):
        await customer.call()
    assert told is not None
    return {
        "app_id": customer.app_id,
        "number": quote(customer.number, safe=""),
        "session": told["session"],
    }


def small(picture: bytes) -> bytes:
    """The picture in few colours."""
    for colours in (COLOURS, 32, 16):
        out = io.BytesIO()
        palette = Image.open(io.BytesIO(picture)).convert("RGB").quantize(colours)
        palette.save(out, "PNG", optimize=True)
        if len(out.getvalue()) <= MOST_BYTES:
            break
    return out.getvalue()


def named(path: str, names: dict[str, str]) -> str:
    """What a page's pictures are called: its path, with what its names stand for."""
    for name, value in names.items():
        path = path.replace(f"/{value}", f"/{name}")
    return path.removeprefix("/console/").replace("/", "-")


async def draw(server: Onhook) -> None:
    """All pages of a server."""
    async with Receiver() as receiver, Phone() as phone, FileServer() as files:
        names = await furnish(server, receiver, phone, files)
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
                            picture = await one.page.screenshot()
                            theme = "dark" if dark else "light"
                            file = OUT / f"{named(path, shown)}-{theme}-{size}.png"
                            file.write_bytes(small(picture))
                assert not one.troubles, one.troubles


def main() -> None:
    """Old pictures go, new ones come."""
    OUT.mkdir(exist_ok=True)
    for file in OUT.glob("*.png"):
        file.unlink()
    server = Onhook({"ringing_s": "180"})
    try:
        asyncio.run(draw(server))
    finally:
        server.close()
    print(f"{len(list(OUT.glob('*.png')))} pictures are in {OUT}.")


if __name__ == "__main__":
    main()
