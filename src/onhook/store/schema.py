"""The tables. A migration must accompany every change here; a test holds the two together."""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
)

from onhook.store.json_columns import (
    ContextColumn,
    DialogsColumn,
    GoingOnColumn,
    JsonObject,
    PairsColumn,
    UrlColumn,
    WordsColumn,
)

REVISION = "0016"
"""The newest migration; a database that says so needs none."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("prefix", String(4), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("mobile_number", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("country", String(2), nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("prepaid", Boolean, nullable=False),
    Column("points_micros", BigInteger, nullable=False),
    Column("bonus_micros", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("trial", Boolean, nullable=False),
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
    Column("account_id", ForeignKey("accounts.account_id"), nullable=False),
    Column("format", String(4), nullable=False),
    Column("removed_ms", BigInteger),
    Column("token_ms", BigInteger),
    Column("detail", String(4), nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("app_id", ForeignKey("applications.app_id"), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_ms", BigInteger, nullable=False),
)

numbers = Table(
    "numbers",
    metadata,
    Column("number", String(16), primary_key=True),
    Column("app_id", ForeignKey("applications.app_id"), nullable=False),
    Column("forward_to", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("format", String(4), nullable=False),
    Column("media", Boolean, nullable=False),
    Column("detail", String(4), nullable=False),
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
    Column("dialog", DialogsColumn, nullable=False),
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
    Column("account_id", ForeignKey("accounts.account_id"), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("tag", Text, nullable=False),
    Column("initial_s", Integer, nullable=False),
    Column("increment_s", Integer, nullable=False),
    Column("billed_s", BigInteger, nullable=False),
    Column("written_ms", BigInteger, nullable=False),
    Column("dest_number", Text, nullable=False),
    Column("facts", ContextColumn, nullable=False),
    Column("sip_code", Integer),
    Column("boot_id", String(36), nullable=False),
    Column("answered_mono_ms", BigInteger),
    Column("written_mono_ms", BigInteger, nullable=False),
    Column("going_on", GoingOnColumn, nullable=False, server_default=""),
    Index(None, "state"),
    Index(None, "app_id", "began_ms"),
)
# Holds only calls that are going on, or have to be ended at the phone: what a start looks for. Written
# out, since SQLAlchemy's own way imports every dialect that it names, and each costs 0.1 s of the start.
event.listen(
    calls,
    "after_create",
    DDL("CREATE INDEX ix_calls_with_dialog ON calls (owner) WHERE dialog <> ''"),  # type: ignore[no-untyped-call]
)

refused_requests = Table(
    "refused_requests",
    metadata,
    Column("session", ForeignKey("calls.session"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("path", String(40), nullable=False),
    Column("status", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("times", Integer, nullable=False),
)

notifications = Table(
    "notifications",
    metadata,
    Column("notification_id", String(40), primary_key=True),
    Column("session", ForeignKey("calls.session"), nullable=False),
    Column("app_id", String(16), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("url", UrlColumn, nullable=False),
    Column("fields", JsonObject, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_attempt_ms", BigInteger),
    Column("next_ms", BigInteger),
    Column("scheduled", Integer),
    Column("not_before_ms", BigInteger),
    Column("format", String(4), nullable=False),
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

trunks = Table(
    "trunks",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("proxy_host", Text, nullable=False),
    Column("proxy_port", Integer, nullable=False),
    Column("transport", String(3), nullable=False),
    Column("username", Text, nullable=False),
    Column("password_encrypted", Text, nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("caller_id", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("rtp_latching", String(12), nullable=False, server_default="signalled"),
    Column("outbound_proxy", Text, nullable=False, server_default=""),
    Column("auth_user", Text, nullable=False, server_default=""),
    Column("register", Boolean, nullable=False, server_default=false()),
    Column("from_user", Text, nullable=False, server_default=""),
    Column("from_domain", Text, nullable=False, server_default=""),
    Column("srtp", String(8), nullable=False, server_default="off"),
    Column("number_format", String(16), nullable=False, server_default="plus"),
    Column("called_from", String(20), nullable=False, server_default="request-uri"),
    Column("caller_from", String(20), nullable=False, server_default="pai"),
    Column("codecs", WordsColumn, nullable=False, server_default=""),
    Column("ptime", Integer, nullable=False, server_default="0"),
    Column("session_timer", Integer, nullable=False, server_default="1800"),
    Column("privacy", Text, nullable=False, server_default="none"),
    Column("headers", PairsColumn, nullable=False, server_default=""),
    Column("ping_s", Integer, nullable=False, server_default="0"),
    Column("keepalive_s", Integer, nullable=False, server_default="25"),
    Column("ca_file", Text, nullable=False, server_default=""),
    Column("client_cert", Text, nullable=False, server_default=""),
    Column("client_key", Text, nullable=False, server_default=""),
    Column("inbound", WordsColumn, nullable=False, server_default=""),
)

trunk_states = Table(
    "trunk_states",
    metadata,
    Column("trunk", String(40), primary_key=True),
    Column("worker", String(40), nullable=False),
    Column("up", Boolean),
    Column("registered_until_ms", BigInteger),
    Column("answered_ms", BigInteger),
    Column("round_trip_us", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("sip_code", Integer, nullable=False),
    Column("hint", Text, nullable=False),
    Column("service_route", WordsColumn, nullable=False),
)
"""Beside the trunks, not in them: one is the operator's, the other is written by the worker that looks
after it."""

rates = Table(
    "rates",
    metadata,
    Column("direction", String(3), primary_key=True),
    Column("prefix", String(16), primary_key=True),
    Column("currency", String(3), primary_key=True),
    Column("per_minute_micros", BigInteger, nullable=False),
    Column("initial_s", Integer, nullable=False),
    Column("increment_s", Integer, nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    Column("subject", String(16), primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("entry_id", String(64), primary_key=True),
    Column("account_id", ForeignKey("accounts.account_id"), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("purse", String(8), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("session", ForeignKey("calls.session")),
    Column("note", Text, nullable=False),
    Index(None, "account_id", "at_ms"),
)

idempotent_replies = Table(
    "idempotent_replies",
    metadata,
    Column("app_id", ForeignKey("applications.app_id"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("reply", JsonObject, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index(None, "created_ms"),
)

workers = Table(
    "workers",
    metadata,
    Column("owner", String(40), primary_key=True),
    Column("alive_ms", BigInteger, nullable=False),
    Column("alive_mono_ms", BigInteger, nullable=False),
    Column("boot_id", String(36), nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("owner", String(40), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("renewals", BigInteger, nullable=False),
    Column("lease_ms", BigInteger, nullable=False),
    Column("place", Text, nullable=False),
    Column("holder", Text, nullable=False),
)

properties = Table(
    "properties",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

operators = Table(
    "operators",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("role", String(12), nullable=False),
    Column("password", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("operator", ForeignKey("operators.name"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger, nullable=False),
    Index(None, "operator"),
)

failed_sign_ins = Table(
    "failed_sign_ins",
    metadata,
    Column("subject", String(80), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("locked_until_ms", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("entry", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", String(80), nullable=False),
    Column("way", String(8), nullable=False),
    Column("what", String(40), nullable=False),
    Column("which", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
for _dialect, _statement in (
    (
        "sqlite",
        "CREATE TRIGGER audit_keeps_entries BEFORE UPDATE ON audit"
        " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
    ),
    (
        "sqlite",
        "CREATE TRIGGER audit_loses_no_entry BEFORE DELETE ON audit"
        " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
    ),
    (
        "postgresql",
        "CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$",
    ),
    (
        "postgresql",
        "CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
    ),
):
    event.listen(
        audit,
        "after_create",
        DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
    )
