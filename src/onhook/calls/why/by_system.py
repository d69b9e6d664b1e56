"""Rules for what Onhook and the network did. Pure."""

from onhook.calls.why.finding import NAT, Finding
from onhook.calls.why.known import Known, spoken
from onhook.calls.why.responses import meaning_of


def transfer_failed(known: Known) -> Finding:
    """The other phone of a Transfer was not reached."""
    code = known.record.sip_code
    said = f"{code}, {meaning_of(code).says}" if code else meaning_of(code).says
    clause = (
        f"The phone that it was to be transferred to did not take it ({said}{known.reason}), so Onhook "
        f"hung up (BYE) {known.after}"
    )
    return Finding(clause, meaning_of(code).advice)


def no_ack(known: Known) -> Finding:
    """Our 200 was not acknowledged."""
    return Finding(
        "Onhook answered (200), and no acknowledgement (ACK) came that could be used, so Onhook hung up "
        f"(BYE), {known.rang} after it had begun",
        "The caller's ACK goes to the address in our Contact: behind a router set --public-address, and let "
        "the port of --sip in. 'onhook doctor' tells; docs/nat.md explains. It costs nothing.",
    )


def vanished(known: Known) -> Finding:
    """The phone was gone before the call was hung up."""
    silent = "no audio had ever come from it, and " if known.unheard else ""
    received_s = known.record.facts.received_s
    until = f", having received the first {received_s} s" if received_s else ""
    clause = (
        f"The network ended the call, for {known.phone} was not there any more: {silent}it did not answer, "
        f"or know, our OPTIONS or BYE; it was last known to be there {known.after}{until}"
    )
    advice = "Its network, battery or program failed; nothing can be done here, if it is one phone."
    if known.unheard:
        advice = f"{NAT} If it is one phone only, its network or program failed."
    return Finding(clause, advice)


def media_lost(known: Known) -> Finding:
    """It could not go on, for no reason of its phone's."""
    return Finding(
        f"Onhook hung up (BYE) {known.after}, since it could not go on: audio could not be sent to "
        f"{known.phone}, or something failed that should not",
        f"Look for the session in the log ('call_broken', 'call_without_audio'); {NAT}",
    )


def credit(known: Known) -> Finding:
    """Nobody pays for more."""
    account = known.record.account_id
    how = "BYE" if known.answered else "CANCEL or 480"
    return Finding(
        f"The credit of the account {account} was used up, so Onhook hung up ({how}) {known.after}",
        f"Add to its balance: 'onhook account credit {account} AMOUNT'.",
    )


def session_timeout(known: Known) -> Finding:
    """As long as any call may last."""
    return Finding(
        f"The call had lasted for as long as any may (--session-s), so Onhook hung up (BYE) {known.after}",
        "If calls may last longer, start the server with a larger --session-s.",
    )


def max_duration(known: Known) -> Finding:
    """As long as its request said."""
    return Finding(
        "The call had lasted for as long as its request said (max_duration), so Onhook hung up (BYE) "
        f"{known.after}",
        "If it may last longer, the application has to ask for more.",
    )


def message_incomplete(known: Known) -> Finding:
    """A message that broke off."""
    return Finding(
        f"The rest of a message could not be made, so Onhook hung up (BYE) {known.after}, when what there "
        "was had been heard",
        "Look for the session in the log, and at 'onhook status': the process that speaks may have failed.",
    )


def shutdown(known: Known) -> Finding:
    """The server was stopped."""
    how = "BYE" if known.answered else "503 or CANCEL"
    return Finding(
        f"The server was stopped, so Onhook hung up ({how}) {known.after}",
        "Let calls go on for longer when it is stopped: --drain-s.",
    )


def crash(known: Known) -> Finding:
    """What a process left behind that died."""
    lost = (
        "until it was last known to go on, "
        f"{spoken(known.record.duration_ms / 1000)} after the answer"
        if known.answered
        else "while it rang or was being made"
    )
    return Finding(
        f"A process of Onhook died that the call needed, {lost}, and Onhook ended the call when it was there "
        "again (BYE, CANCEL or 480)",
        "Look for 'process_died' in the log, and whether the machine was out of memory or switched off: "
        "'onhook status' says since when each process runs.",
    )
