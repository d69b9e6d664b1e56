"""What an operator may do."""

from enum import StrEnum


class Role(StrEnum):
    """Each includes those before it."""

    LOOK = "look"
    """See everything that is no secret."""
    OPERATE = "operate"
    """Also what is done to calls: hang up, send a notification again; and ask a trunk whether it is there."""
    ADMINISTER = "administer"
    """Also what is changed of applications, numbers, trunks, money and operators."""

    def includes(self, other: "Role") -> bool:
        """Whether whoever has this role may do what the other one may."""
        order = list(Role)
        return order.index(self) >= order.index(other)
