"""Trunks, and what calls that are made have besides."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from onhook.store import NotificationContext, Store, StoreError, TrunkRecord, Writes
from onhook.store.connecting import connect
from onhook.store.migrations import migrate
from onhook.store.trunks import add_trunk, all_trunks, put_trunks, remove_trunk, update_trunk
from store.samples import APPLICATION, call

SAID = NotificationContext(fields=(("dial_status", "busy"),))
TRUNK = TrunkRecord(
    name="carrier",
    proxy_host="sip.example.com",
    proxy_port=5060,
    created_ms=10,
    transport="tcp",
    username="shop",
    password_encrypted="encrypted",
    prefix="65",
    caller_id="+6531234567",
    rtp_latching="any",
    outbound_proxy="edge.example.com:5061",
    auth_user="0001",
    register=True,
    from_user="shop",
    from_domain="example.com",
    srtp="prefer",
    number_format="national:65",
    called_from="to",
    caller_from="pai",
    codecs=("PCMA", "PCMU"),
    ptime=20,
    session_timer=90,
    privacy="id",
    headers=(("X-Account", "7"), ("X-Account", "8")),
    ping_s=30,
    keepalive_s=0,
    ca_file="/ca.pem",
    client_cert="/cert.pem",
    client_key="/key.pem",
    inbound=("192.0.2.0/24", "sip.example.com"),
)


async def test_a_trunk_is_stored_once_under_its_name_until_it_is_removed(store: Store) -> None:
    assert await add_trunk(store, TRUNK)
    assert not await add_trunk(store, replace(TRUNK, proxy_host="other.example.com"))
    assert await all_trunks(store) == [TRUNK]
    assert await remove_trunk(store, TRUNK.name)
    assert not await remove_trunk(store, TRUNK.name)
    assert await all_trunks(store) == []


async def test_two_who_change_a_trunk_at_once_keep_what_the_other_changed(store: Store) -> None:
    assert await add_trunk(store, TRUNK)
    assert await update_trunk(store, TRUNK, replace(TRUNK, srtp="require"))
    assert await update_trunk(store, TRUNK, replace(TRUNK, codecs=(), headers=()))
    assert await all_trunks(store) == [replace(TRUNK, srtp="require", codecs=(), headers=())]
    assert await update_trunk(store, TRUNK, TRUNK)
    await remove_trunk(store, TRUNK.name)
    assert not await update_trunk(store, TRUNK, replace(TRUNK, srtp="off"))
    assert await all_trunks(store) == []


async def test_several_trunks_are_put_all_or_none(store: Store) -> None:
    await put_trunks(store, [TRUNK, replace(TRUNK, name="other")])
    broken = replace(TRUNK, name="third", prefix=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        await put_trunks(store, [replace(TRUNK, srtp="off"), broken])
    assert await all_trunks(store) == [TRUNK, replace(TRUNK, name="other")]
    await put_trunks(store, [replace(TRUNK, srtp="off")])
    assert {one.srtp for one in await all_trunks(store)} == {"off", "prefer"}


async def test_trunks_of_a_prefix_come_in_the_order_in_which_they_were_made(store: Store) -> None:
    made = [("b", 2), ("c", 1), ("a", 2)]
    for name, created_ms in made:
        assert await add_trunk(store, replace(TRUNK, name=name, created_ms=created_ms))
    assert await add_trunk(store, replace(TRUNK, name="any", prefix="", created_ms=9))
    assert [trunk.name for trunk in await all_trunks(store)] == ["any", "c", "a", "b"]


async def test_what_a_call_out_came_to_is_read_as_it_was_written(store: Store) -> None:
    await store.add_application(APPLICATION)
    made = call(dest_number="+6561234567", facts=SAID, sip_code=486)
    plain = call("S2")
    await store.submit(Writes(calls=(made, plain)))
    assert await store.call(made.session) == made
    found = await store.call(plain.session)
    assert found is not None
    assert (found.dest_number, found.facts, found.sip_code) == ("", NotificationContext(), None)


async def test_a_trunk_of_an_earlier_version_goes_on_as_it_was(
    tmp_path: Path, database_url: str
) -> None:
    def of_yesterday(connection: Connection) -> None:
        migrate(connection, "0008")
        connection.exec_driver_sql(
            "INSERT INTO trunks (name, proxy_host, proxy_port, transport, username,"
            " password_encrypted, prefix, caller_id, created_ms)"
            " VALUES ('old', 'sip.example.com', 5060, 'udp', '', '', '65', '', 7)"
        )

    database = connect(tmp_path, database_url)
    await database.migrate(of_yesterday)
    await database.close()
    store = await Store.open(tmp_path, database_url)
    assert await all_trunks(store) == [
        TrunkRecord("old", "sip.example.com", 5060, created_ms=7, prefix="65")
    ]
    await store.close()


def test_a_password_is_in_no_text_of_a_trunk() -> None:
    assert "encrypted" not in repr(TRUNK)
