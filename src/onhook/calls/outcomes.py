"""What became of an attempt to call somebody, from its SIP response (reference, section 9). Pure."""

_BUSY = frozenset({486, 600})
_UNANSWERED = frozenset({408, 480, 487})


def outcome_of(sip_status: int | None) -> str:
    """``busy``, ``unanswered`` or ``failed``."""
    if sip_status in _BUSY:
        return "busy"
    return "unanswered" if sip_status in _UNANSWERED else "failed"
