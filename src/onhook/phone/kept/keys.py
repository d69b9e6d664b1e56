"""Keys of SRTP as texts, which whoever keeps them has to encrypt. Pure."""

import base64
import binascii
import json
from collections.abc import Sequence

from onhook.phone.kept.reading import Fields, KeptUnreadable
from onhook.phone.srtp.crypto import Agreed, Crypto, MasterKey, Suite


def kept_keys(agreed: Agreed | None, offered: Sequence[Crypto]) -> str:
    """The keys that are in use, and those that we offered last, as one text."""
    lines = [[line.tag, _written(line.key), line.lifetime] for line in offered]
    both = (
        None
        if agreed is None
        else [agreed.tag, _written(agreed.send), _written(agreed.receive), agreed.answered]
    )
    return json.dumps({"agreed": both, "offered": lines})


def keys_of(text: str) -> tuple[Agreed | None, tuple[Crypto, ...]]:
    """The reverse. Raises `KeptUnreadable`."""
    try:
        fields = Fields(json.loads(text), "keys")
    except ValueError as error:
        raise KeptUnreadable("keys are no JSON") from error
    offered: list[Crypto] = []
    for line in fields.array("offered"):
        match line:
            case [int(tag), key, int(lifetime)]:
                offered.append(Crypto(tag, _key(key), lifetime))
            case _:
                raise KeptUnreadable("keys have no such line")
    if not fields.has("agreed"):
        return None, tuple(offered)
    match fields.array("agreed"):
        case [int(tag), send, receive, bool(answered)]:
            return Agreed(tag, _key(send), _key(receive), answered), tuple(offered)
    raise KeptUnreadable("keys are not those of two sides")


def _written(key: MasterKey) -> list[str]:
    return [base64.b64encode(key.master).decode("ascii"), key.suite.name, key.mki.hex()]


def _key(data: object) -> MasterKey:
    match data:
        case [str(master), str(suite), str(mki)] if suite in Suite.__members__:
            try:
                read = base64.b64decode(master, validate=True), bytes.fromhex(mki)
            except (ValueError, binascii.Error):
                pass
            else:
                return MasterKey(read[0], Suite[suite], read[1])
    raise KeptUnreadable("no key")
