"""A stand-in for whoever reads messages with voices: it refuses what begins with ``bad``."""

from onhook.blocks import Refused
from onhook.message import Gender, Message, Say


class PlainReader:
    """Remembers what it was asked to read; reads everything but texts that begin with ``bad``."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, text: str) -> Message:
        self.read.append(text)
        if text.startswith("bad"):
            raise Refused("error_msg_invalid_xml")
        return (said(text),)


def said(text: str) -> Say:
    """What it makes of a text."""
    return Say(text, "en", Gender.FEMALE)
