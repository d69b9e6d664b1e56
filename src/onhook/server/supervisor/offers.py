"""Links that no switch has yet: descriptors that a process offered, by its role."""

import os
from collections.abc import Iterable, Iterator, Sequence

from onhook.processes.channel import Message


class Offers:
    """One link of a kind is held: a newer one of the same process takes its place."""

    def __init__(self) -> None:
        self._held: dict[str, list[int]] = {}

    def __iter__(self) -> Iterator[str]:
        """Of which roles there is one now."""
        return iter(tuple(self._held))

    def put(self, link: str, descriptors: Sequence[int]) -> None:
        """Hold these, which are ours to close."""
        self.drop(link)
        self._held[link] = list(descriptors)

    def take(self, link: str) -> list[int]:
        """Whose they are from now on, closes them. KeyError where there is none."""
        return self._held.pop(link)

    def rename(self, link: str, another: str) -> None:
        """Who offered it has another role now."""
        if link in self._held:
            self.put(another, self._held.pop(link))

    def take_back(self, unsent: Iterable[tuple[Message, Sequence[int]]]) -> None:
        """Hold the links among what a dead switch was not sent any more; the rest is closed. One that it was
        sent has ended with it: whoever offered that offers another."""
        for message, descriptors in unsent:
            if message["say"] == "link":
                self.put(message["link"], descriptors)
            else:
                for each in descriptors:
                    os.close(each)

    def drop(self, link: str) -> None:
        """Close what is held, if anything is."""
        for each in self._held.pop(link, ()):
            os.close(each)
