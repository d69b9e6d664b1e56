"""Rules for what an application asked, did not ask, or asked in vain. Pure."""

from onhook.calls.why.finding import Finding
from onhook.calls.why.known import Known, what_failed

_ASKED_FOR = "It was asked for. If it should not have been, look at the application."


def by_hangup(known: Known) -> Finding:
    """A Hangup, or a block without a notify_url that was over."""
    if known.operator:
        return _by_operator(known, "hung up", "BYE", known.after)
    how = "its Hangup" if known.block == "hangup" else "a Hangup, or a block without notify_url"
    clause = f"The application hung up, by {how} (BYE), {known.after}"
    return Finding(clause, _ASKED_FOR)


def by_force(known: Known) -> Finding:
    """A Hangup with force, or voice/hangup."""
    what = "CANCEL" if known.outgoing and not known.answered else "BYE"
    if known.operator:
        return _by_operator(known, "hung up at once", what, known.after)
    how = "a Hangup with force, or voice/hangup"
    clause = f"The application hung up at once, by {how} ({what}), {known.after}"
    return Finding(clause, _ASKED_FOR)


def rejected(known: Known) -> Finding:
    """A Hangup while it rang, without a message."""
    code = known.record.sip_code
    status = f"SIP {code}" if code else "603 or 480"
    if known.operator:
        return _by_operator(known, "rejected the call while it rang", status, f"after {known.rang}")
    clause = f"The application rejected the call while it rang, by a Hangup ({status}), after {known.rang}"
    return Finding(clause, _ASKED_FOR)


def _by_operator(known: Known, did: str, message: str, when: str) -> Finding:
    """It was not the application, though the record and its notification have to say so."""
    who = known.operator
    return Finding(
        f"{who[0].upper()}{who[1:]}, {did} ({message}), {when}",
        "It was asked for by an operator: the audit says when. The application did nothing.",
    )


def kicked(known: Known) -> Finding:
    """Removed from its conference."""
    clause = f"The application removed it from its conference, by conference/moderate (BYE), {known.after}"
    return Finding(clause, _ASKED_FOR)


def ring_timeout(known: Known) -> Finding:
    """Rang, and no request came that could be taken."""
    why = why_not_answered(known) or (
        "The application was told and asked for nothing: look at what it did with the notification."
    )
    clause = (
        f"The application did not act on the call, so Onhook rejected it (480) after {known.rang}"
    )
    return Finding(_because(clause, known), why)


def idle_timeout(known: Known) -> Finding:
    """Answered, and no further request came that could be taken."""
    why = why_not_answered(known) or (
        "The application has to ask for the next block, or for a Hangup; or set --idle-s."
    )
    clause = (
        "The application asked for nothing for too long (--idle-s), so Onhook hung up (BYE) "
        f"{known.after}"
    )
    return Finding(_because(clause, known), why)


def forward_to_refused(known: Known) -> Finding:
    """The URL of the number may not be called."""
    why = f": {known.trouble}" if known.troubled else ""
    clause = f"The number's URL may not be called{why}, so Onhook rejected the call (480) after {known.rang}"
    return Finding(
        clause,
        "Give the number another URL ('onhook number set NUMBER --forward-to URL'), "
        "or allow its network (--allowed-networks).",
    )


def _because(clause: str, known: Known) -> str:
    """With what kept the application from acting, if that is known."""
    if known.refused is not None:
        return f"{clause}, having refused its {known.refused.path} with {known.refused.status}"
    if known.troubled is not None:
        return f"{clause}, for it could not be told: {known.trouble}"
    return clause


def why_not_answered(known: Known) -> str:
    """What to do, where the application was not told, or asked in vain; empty where neither is known."""
    if known.refused is not None:
        return f"Mend the request: {known.refused.detail}"
    if known.troubled is not None:
        return (
            f"The application's server has to answer notifications with 200: {what_failed(known.troubled)}. "
            f"'onhook notifications show {known.troubled.notification.notification_id}' has every attempt."
        )
    return ""
