"""Who is let in, and by which trunk: by address, by what a trunk lists, or by digest. Keeps no message.

A trusted peer or a trunk's address is not asked for a password: over UDP an address proves little, so let a
firewall keep others from using it, or have the carrier come over TLS.
"""

from collections.abc import Callable

import structlog

from onhook.phone.inbound.challenge import Challenge, Challenger, Wrong
from onhook.phone.inbound.sources import InboundSources, Origin, TrunkOf
from onhook.phone.message import Request
from onhook.phone.once_a_minute import OnceAMinute
from onhook.phone.reason import with_reason
from onhook.phone.screening import Refusal
from onhook.phone.trunk import Trunk

log = structlog.get_logger()

_STRANGER = "Address Not Among Trusted Peers"
"""The phrase of a 403, for whoever looks at the other end."""
_WRONG = "Credentials Not Accepted"


class Door:
    """Looks at requests that belong to no call. `trusts` says whether a numeric host is a trusted peer,
    `trunk_of` by which trunk's registrar a request was sent; `now` gives monotonic seconds."""

    def __init__(
        self, trusts: Callable[[str], bool], now: Callable[[], float], trunk_of: TrunkOf
    ) -> None:
        self.sources = InboundSources()
        """The trunks as they are now; replaced whenever they change."""
        self._trusts = trusts
        self._trunk_of = trunk_of
        self._challenger = Challenger(now)
        self._strangers = OnceAMinute()
        self._wrong = OnceAMinute()

    def origin_of(self, request: Request) -> Origin | None:
        """Where a request comes from; None for a stranger."""
        host = request.source[0]
        name = self._trunk_of(request)
        trunk = self.sources.named(name) if name else self.sources.at(host)
        known = bool(name) or trunk is not None or self._trusts(host)
        return Origin(trunk) if known else None

    def ask(self, request: Request) -> Origin | Refusal:
        """A stranger: the trunk whose user it has proven to be, or how it is refused."""
        if request.method == "INVITE" and self.sources.by_digest:
            return self._asked(request)
        host = request.source[0]
        if request.method == "INVITE" and self._strangers.is_news(host):
            hint = f"If its calls are to be taken, add {host} to --trusted-peers, or to a trunk's --inbound."
            log.info("sip_stranger_refused", peer=host, status=403, hint=hint)
        why = with_reason(403) if request.method == "INVITE" else ()
        return Refusal(403, _STRANGER, why)

    def _asked(self, request: Request) -> Origin | Refusal:
        match self._challenger.look_at(request, self.sources):
            case Trunk() as trunk:
                return Origin(trunk)
            case Challenge(headers):
                return Refusal(401, headers=headers)
            case Wrong():
                if self._wrong.is_news(request.source[0]):
                    hint = "Its user or its password is none of a trunk whose --inbound has digest."
                    log.warning(
                        "sip_credentials_refused", peer=request.source[0], status=403, hint=hint
                    )
        return Refusal(403, _WRONG, with_reason(403))
