"""What is known of a trunk. Pure: the time comes from outside, in seconds of the monotonic clock."""

from dataclasses import dataclass, replace

SILENCES = 2
"""So many requests in a row that nobody answered, and a trunk that is asked regularly is not there."""


@dataclass(frozen=True, slots=True)
class TrunkHealth:
    """How a trunk is; all of it is forgotten when the process ends, but for what the store shows."""

    registers: bool = False
    pings: bool = False
    tried: bool = False
    """Whether a registration came to something yet, good or bad."""
    registered_until_s: float = 0.0
    """Until then calls come to us; 0 is not at all."""
    answered_s: float = 0.0
    """When it answered something last; 0 is never."""
    round_trip_s: float = 0.0
    """How long its last answer took; 0 without one that was timed."""
    refusals: int = 0
    """Registrations in a row that failed."""
    silences: int = 0
    """Other requests in a row to which it was not there."""
    sip_code: int = 0
    """Of the last failure; 0 is no answer, or no failure."""
    hint: str = ""
    """What the last failure means; empty when all is well."""

    @property
    def failures(self) -> int:
        """In a row, of whatever it fails at."""
        return max(self.refusals, self.silences)

    @property
    def is_asked(self) -> bool:
        """Whether it is asked regularly, and does not have to wait for a call to be well again."""
        return self.registers or self.pings

    def up(self, now_s: float) -> bool | None:
        """Whether it is there, and we are registered where it wants that; None while nobody knows."""
        if self.registers and self.tried and now_s >= self.registered_until_s:
            return False
        if self.silences >= (SILENCES if self.is_asked else 1):
            return False
        known = self.tried if self.registers else self.answered_s > 0
        return True if known else None

    def answered(self, now_s: float, round_trip_s: float = 0.0) -> "TrunkHealth":
        """It answered a request, whatever it said."""
        well = self.refusals == 0
        return replace(
            self,
            answered_s=now_s,
            round_trip_s=round_trip_s or self.round_trip_s,
            silences=0,
            sip_code=0 if well else self.sip_code,
            hint="" if well else self.hint,
        )

    def silent(self, sip_code: int, hint: str) -> "TrunkHealth":
        """It was not there for a request."""
        return replace(self, silences=self.silences + 1, sip_code=sip_code, hint=hint)

    def registered(self, now_s: float, until_s: float, round_trip_s: float) -> "TrunkHealth":
        """A registration was granted, or refreshed."""
        granted = replace(self, tried=True, registered_until_s=until_s, refusals=0)
        return granted.answered(now_s, round_trip_s)

    def not_registered(
        self, now_s: float, sip_code: int, hint: str, round_trip_s: float
    ) -> "TrunkHealth":
        """A registration failed. What was granted before may hold still."""
        failed = replace(self, tried=True, refusals=self.refusals + 1, sip_code=sip_code, hint=hint)
        if sip_code == 0:
            return failed
        return replace(failed, answered_s=now_s, round_trip_s=round_trip_s or self.round_trip_s)
