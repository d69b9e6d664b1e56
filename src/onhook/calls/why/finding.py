"""What a rule finds. Pure."""

from dataclasses import dataclass

FINE = "Nothing is wrong: this is how a call ends."
NAT = (
    "Its audio does not arrive. Look at --public-address, and whether a firewall lets the --rtp-ports in: "
    "'onhook doctor' tells, docs/nat.md explains."
)
"""What to do where no audio comes from a phone."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Who ended a call, why and by which message, as a clause; and what to do, as sentences."""

    clause: str
    advice: str = FINE
