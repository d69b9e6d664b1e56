"""What a test's phone is made of: the simulator, or a real server with real phones."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

from onhook.simulator.deliveries import Told
from onhook.simulator.line import Line

Result = TypeVar("Result")


class Leg(Protocol):
    """One phone in a call. All of it is for `Backend.run`."""

    @property
    def line(self) -> Line:
        """Its end of the call."""

    def press(self, key: str) -> None:
        """A key goes down and up."""

    def say(self, text: str, length_s: float) -> None:
        """Whoever it is joined to hears this."""

    def hang_up(self) -> None:
        """It gives up, or hangs up."""

    def answer(self) -> None:
        """It takes the call."""

    def refuse(self, code: int) -> None:
        """It does not, with this SIP status."""


class Backend(Protocol):
    """Where calls are. Its methods are called by tests, and block."""

    @property
    def late_s(self) -> float:
        """So much later than it is heard it is known what was heard, seconds."""

    def call(self, number: str, caller: str, headers: Mapping[str, str]) -> Leg:
        """Calls a number of the application."""

    def rings(self, number: str, within_s: float) -> Leg | None:
        """The next call to a number that is not the application's; None if none comes."""

    def takes(self, number: str, *, refuses: int | None, answers_after_s: float | None) -> None:
        """How a number takes the calls to it, until it is told otherwise."""

    def wait(self, is_so: Callable[[], bool], within_s: float) -> bool:
        """Waits until it is so; whether it is."""

    def passes(self, seconds: float) -> None:
        """Lets so much time pass."""

    def run(self, work: Callable[[], Result]) -> Result:
        """Does something where calls are."""

    def notifications(self, session: str) -> Sequence[Told]:
        """What the application was told of a call."""

    def all_told(self, session: str) -> bool:
        """Whether all that there is to be told of it was, at least once."""

    def cost(self, session: str) -> tuple[Decimal, str] | None:
        """What a call came to, and in which currency; None while it goes on."""

    def fails(self, replies: Sequence[int | None], late_s: Sequence[float]) -> None:
        """What is to go wrong with the next notifications: how they are answered in place of the application,
        and how late."""

    def credit(self, amount: str | None) -> None:
        """What the account has; None: it pays afterwards."""

    @property
    def story(self) -> str:
        """What has happened."""
