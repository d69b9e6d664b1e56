"""A stand-in for the checks that need voices and web addresses: it refuses what begins with ``bad``."""

from onhook.blocks import Refused


class PlainSyntax:
    """Remembers what it was asked to read; reads everything but texts that begin with ``bad``."""

    def __init__(self) -> None:
        self.read: list[tuple[str, str]] = []

    def message(self, text: str) -> object:
        self.read.append(("msg", text))
        if text.startswith("bad"):
            raise Refused("error_msg_invalid_xml")
        return ("message", text)

    def number(self, text: str) -> str | None:
        self.read.append(("number", text))
        return None if "bad" in text else text

    def notify_url(self, text: str) -> object:
        self.read.append(("notify_url", text))
        if text.startswith("bad"):
            raise Refused("error_invalid_notify_url")
        return ("target", text)
