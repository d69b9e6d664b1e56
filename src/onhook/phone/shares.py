"""How much of what is kept for repetitions one dialog, and one address, may have. Pure.

Whoever is in a call may send as many requests as the network carries, and each that is answered is kept for
32 seconds (RFC 3261 17.2.2). What is above the share of a dialog or of an address is refused, and nothing of
it is kept.
"""

from collections import Counter
from typing import Any

from onhook.phone.message import Request, TransactionKey

OF_A_DIALOG = 100
"""Three requests a second: a machine that dials a card number by INFO comes to this, and no person."""

Dialog = tuple[str, str]
"""Call-ID, and our tag."""


class Shares:
    """Counts what is kept of requests within dialogs. `of_an_address` bounds that of one address; it has
    room for several dialogs."""

    def __init__(self, of_an_address: int) -> None:
        self._of_an_address = max(of_an_address, 2 * OF_A_DIALOG)
        self._dialogs: Counter[Dialog] = Counter()
        self._addresses: Counter[str] = Counter()
        self._kept: dict[TransactionKey, tuple[Dialog, str]] = {}

    def has_room(self, request: Request) -> bool:
        """Whether what a request leaves behind may be kept."""
        dialog, address = _whose(request)
        return (
            self._dialogs[dialog] < OF_A_DIALOG and self._addresses[address] < self._of_an_address
        )

    def keep(self, request: Request) -> None:
        """Something of a request is kept; outside of a dialog it belongs to nobody."""
        if request.to_tag and request.transaction_key not in self._kept:
            dialog, address = self._kept[request.transaction_key] = _whose(request)
            self._dialogs[dialog] += 1
            self._addresses[address] += 1

    def forget(self, key: TransactionKey) -> None:
        """It is not kept any more."""
        whose = self._kept.pop(key, None)
        if whose is not None:
            _less(self._dialogs, whose[0])
            _less(self._addresses, whose[1])


def _whose(request: Request) -> tuple[Dialog, str]:
    return (request.call_id, request.to_tag), request.source[0]


def _less(counted: Counter[Any], key: Any) -> None:
    counted[key] -= 1
    if not counted[key]:
        del counted[key]
