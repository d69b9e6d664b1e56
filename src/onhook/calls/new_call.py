"""How a call begins, whoever calls whom: its record, complete from the start, and its owner."""

from dataclasses import dataclass

from onhook.billing import exact
from onhook.call import Call, Fields
from onhook.calls import clock
from onhook.calls.directory import AS_EVER, Telling
from onhook.calls.first_leg import FirstLeg
from onhook.calls.identifiers import new_txn_ref
from onhook.calls.live_call import LiveCall
from onhook.calls.pricing import Terms
from onhook.calls.services import CallServices
from onhook.store import CallRecord, NotificationContext


@dataclass(frozen=True, slots=True)
class Parties:
    """Whose call it is, and who talks to whom, in E.164.

    ``dest_number`` is whom we call; ``to_number`` is our number that is called, or whom the callee is to
    be joined to.
    """

    app_id: str
    from_number: str
    to_number: str
    dest_number: str = ""
    told_always: Fields = ()
    """What each of its notifications says besides."""
    telling: Telling = AS_EVER
    """How its application is told."""
    tells_media: bool = False
    """Whether its application is told in the end what the audio was like."""


def new_call(
    services: CallServices,
    call: Call,
    began_s: float,
    parties: Parties,
    terms: Terms,
    leg: FirstLeg,
) -> LiveCall:
    """The owner of a call whose life begins at ``began_s``, on these terms; nobody knows of it yet."""
    rate = terms.rate
    record = CallRecord(
        session=call.session,
        txn_ref=new_txn_ref(terms.account.prefix),
        app_id=parties.app_id,
        owner=services.worker,
        state="",
        from_number=parties.from_number,
        to_number=parties.to_number,
        dest_number=parties.dest_number,
        direction="out" if call.outgoing else "in",
        began_ms=clock.wall_ms(began_s),
        currency=rate.currency,
        rate=exact(rate.per_minute),
        initial_s=rate.initial_s,
        increment_s=rate.increment_s,
        account_id=terms.account.account_id,
        facts=NotificationContext(
            parties.told_always,
            format=parties.telling.format,
            tells_media=parties.tells_media,
            tells_why=parties.telling.why,
        ),
    )
    return LiveCall(record, call, leg, services, terms.meter)
