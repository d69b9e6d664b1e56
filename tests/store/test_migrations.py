"""A database that was migrated is the one that is created new."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, create_engine, inspect

from onhook.store import NOT_GOING_ON, NotificationContext, Store, Writes, schema
from onhook.store.connecting import connect
from onhook.store.migrations import migrate
from onhook.store.orphans import orphans
from store.postgresql import PostgreSQL
from store.samples import open_calls


def _shape(connection: Connection) -> dict[str, object]:
    inspector = inspect(connection)
    return {
        table: (
            sorted(
                (c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)
            ),
            sorted(inspector.get_pk_constraint(table)["constrained_columns"]),
            sorted(tuple(k["constrained_columns"]) for k in inspector.get_foreign_keys(table)),
            sorted(tuple(u["column_names"]) for u in inspector.get_unique_constraints(table)),
            sorted(
                (i["name"] or "", tuple(i["column_names"])) for i in inspector.get_indexes(table)
            ),
        )
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def test_migrations_and_schema_agree(tmp_path: Path) -> None:
    created = create_engine(f"sqlite:///{tmp_path}/created.db")
    migrated = create_engine(f"sqlite:///{tmp_path}/migrated.db")
    with created.begin() as connection:
        schema.metadata.create_all(connection)
    with migrated.begin() as connection:
        migrate(connection)
    with created.connect() as one, migrated.connect() as other:
        assert _shape(one) == _shape(other)
    with migrated.connect() as connection:
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    assert version == schema.REVISION
    created.dispose()
    migrated.dispose()


def test_what_was_stored_before_there_were_accounts_is_kept(tmp_path: Path) -> None:
    database = create_engine(f"sqlite:///{tmp_path}/old.db")
    with database.begin() as connection:
        migrate(connection, "0001")
        connection.exec_driver_sql(
            "INSERT INTO applications VALUES ('a', 'shop', 'hash', 'token', 'secret', 7)"
        )
        connection.exec_driver_sql("INSERT INTO numbers VALUES ('+651', 'a', 'http://x/', 8)")
        migrate(connection)
        accounts = connection.exec_driver_sql("SELECT account_id, currency FROM accounts").all()
        assert [tuple(row) for row in accounts] == [("main", "SGD")]
        apps = connection.exec_driver_sql("SELECT app_id, account_id, name FROM applications").all()
        assert [tuple(row) for row in apps] == [("a", "main", "shop")]
        assert connection.exec_driver_sql("SELECT count(*) FROM numbers").scalar() == 1
    database.dispose()


_CALL = (
    "INSERT INTO calls (session, txn_ref, app_id, owner, state, from_number, to_number, began_ms,"
    " currency, rate, dialog, duration_ms, minutes, debit, ended_by, cause, sip_cause, contact_block,"
    " contact_url, contact_tag, sequence, account_id, direction, tag, initial_s, increment_s,"
    " billed_s, written_ms) VALUES ('S1', 'AA-C-1', 'a', 'me', 'ringing', '+651', '+652', 1, 'SGD',"
    " '0.020', '{}', 0, 0, '0.000', '', '', '', '', '', '', 0, 'main', 'in', '', 60, 60, 0, 1)"
)


async def test_calls_of_before_there_were_trunks_can_be_read(
    tmp_path: Path, database_url: str
) -> None:
    def of_yesterday(connection: Connection) -> None:
        migrate(connection, "0001")
        connection.exec_driver_sql(
            "INSERT INTO applications VALUES ('a', 'shop', 'hash', 'token', 'secret', 7)"
        )
        migrate(connection, "0002")
        connection.exec_driver_sql(_CALL)

    database = connect(tmp_path, database_url)
    await database.migrate(of_yesterday)
    await database.close()
    store = await Store.open(tmp_path, database_url)
    [found] = await orphans(store, "me")
    assert (found.dest_number, found.facts, found.sip_code) == ("", NotificationContext(), None)
    assert found.going_on is NOT_GOING_ON
    await store.submit(Writes(calls=(replace(found, dest_number="+653"),)))
    assert [one.dest_number for one in await open_calls(store)] == ["+653"]
    await store.close()


def test_a_trunk_that_was_told_no_packet_time_sends_what_is_asked_for(tmp_path: Path) -> None:
    database = create_engine(f"sqlite:///{tmp_path}/old.db")
    with database.begin() as connection:
        migrate(connection, "0011")
        for name, ptime in (("plain", 20), ("slow", 40)):
            connection.exec_driver_sql(
                "INSERT INTO trunks (name, proxy_host, proxy_port, transport, username, password_encrypted,"
                " prefix, caller_id, created_ms, ptime)"
                f" VALUES ('{name}', '192.0.2.7', 0, 'udp', '', '', '', '', 1, {ptime})"
            )
        migrate(connection)
        kept = connection.exec_driver_sql("SELECT name, ptime FROM trunks ORDER BY name").all()
        assert [tuple(row) for row in kept] == [("plain", 0), ("slow", 40)]
    database.dispose()


async def test_migrations_and_schema_agree_on_postgresql(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    shapes: list[dict[str, object]] = []
    for make in (schema.metadata.create_all, migrate):
        database = connect(tmp_path, postgresql.new_database())

        def note(connection: Connection, make: Callable[[Connection], None] = make) -> None:
            make(connection)
            shapes.append(_shape(connection))

        await database.migrate(note)
        await database.close()
    assert shapes[0] == shapes[1]
