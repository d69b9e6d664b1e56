"""What whoever brings a leg back has to know of what was kept, before it hands it to the endpoint. Pure."""

from dataclasses import dataclass

from onhook.phone.kept import VERSION
from onhook.phone.kept.media import media_of
from onhook.phone.kept.reading import Fields, Kept, KeptUnreadable
from onhook.phone.sdp_types import RemoteMedia


@dataclass(frozen=True, slots=True)
class KeptOutside:
    """One leg. `we_called`: it is a call of ours. `state` is a `CallState` in small letters. `trunk` is to be
    found again by its name, empty for none. `port` is where its audio comes to, 0 if that was not said to
    anybody. `media` is what was agreed with the peer, without keys; None before that."""

    we_called: bool
    state: str
    trunk: str
    sip_call_id: str
    port: int
    media: RemoteMedia | None


def outside(kept: Kept) -> KeptOutside:
    """What is seen of a leg from outside. Raises `KeptUnreadable`, also for another version."""
    fields = Fields(kept, "leg")
    if fields.number("v") != VERSION:
        raise KeptUnreadable("what was kept is of another version")
    direction, session = fields.text("direction"), fields.part("session")
    if direction not in ("in", "out"):
        raise KeptUnreadable("leg has no such direction")
    return KeptOutside(
        we_called=direction == "out",
        state=fields.text("state"),
        trunk=fields.text("trunk"),
        sip_call_id=fields.part("dialog").text("call_id"),
        port=session.numbers("at")[0] if session.has("at") else 0,
        media=media_of(session.part("media"), None) if session.has("media") else None,
    )
