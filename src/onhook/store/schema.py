"""The tables. A migration must accompany every change here; a test holds the two together."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

REVISION = "0001"
"""The newest migration; a database that says so needs none."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

applications = Table(
    "applications",
    metadata,
    Column("app_id", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("token_encrypted", Text, nullable=False),
    Column("webhook_secret_encrypted", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

numbers = Table(
    "numbers",
    metadata,
    Column("number", String(16), primary_key=True),
    Column("app_id", ForeignKey("applications.app_id"), nullable=False),
    Column("forward_to", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("session", String(40), primary_key=True),
    Column("txn_ref", String(40), nullable=False, unique=True),
    Column("app_id", ForeignKey("applications.app_id"), nullable=False),
    Column("owner", String(40), nullable=False),
    Column("state", String(12), nullable=False),
    Column("from_number", Text, nullable=False),
    Column("to_number", Text, nullable=False),
    Column("began_ms", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("rate", Text, nullable=False),
    Column("dialog", Text, nullable=False),
    Column("answered_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("duration_ms", BigInteger, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("debit", Text, nullable=False),
    Column("ended_by", String(12), nullable=False),
    Column("cause", String(24), nullable=False),
    Column("sip_cause", Text, nullable=False),
    Column("contact_block", String(12), nullable=False),
    Column("contact_url", Text, nullable=False),
    Column("contact_tag", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Index(None, "state"),
)

notifications = Table(
    "notifications",
    metadata,
    Column("notification_id", String(40), primary_key=True),
    Column("session", ForeignKey("calls.session"), nullable=False),
    Column("app_id", String(16), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_attempt_ms", BigInteger),
    Column("next_ms", BigInteger),
    UniqueConstraint("session", "sequence"),
    Index(None, "state"),
)

attempts = Table(
    "attempts",
    metadata,
    Column(
        "notification_id",
        ForeignKey("notifications.notification_id"),
        primary_key=True,
    ),
    Column("number", Integer, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("status", Integer),
    Column("error", Text, nullable=False),
)
