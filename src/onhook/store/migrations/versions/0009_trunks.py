"""How a trunk wants to be talked to, and whose calls come by it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_TEXTS = {
    "outbound_proxy": "",
    "auth_user": "",
    "from_user": "",
    "from_domain": "",
    "codecs": "",
    "privacy": "none",
    "headers": "",
    "ca_file": "",
    "client_cert": "",
    "client_key": "",
    "inbound": "",
}
_WORDS = {
    "srtp": (8, "off"),
    "number_format": (16, "plus"),
    "called_from": (20, "request-uri"),
    "caller_from": (20, "pai"),
}
_NUMBERS = {"ptime": 20, "session_timer": 1800, "ping_s": 0, "keepalive_s": 25}


def upgrade() -> None:
    for name, text in _TEXTS.items():
        _add(name, sa.Text(), text)
    for name, (length, word) in _WORDS.items():
        _add(name, sa.String(length), word)
    for name, number in _NUMBERS.items():
        _add(name, sa.Integer(), str(number))
    _add("register", sa.Boolean(), sa.false())


def _add(name: str, kind: sa.types.TypeEngine[Any], default: Any) -> None:
    op.add_column("trunks", sa.Column(name, kind, nullable=False, server_default=default))
