"""Values as the text of their columns: what was written by any version is read."""

import json

import pytest
from sqlalchemy import Text, select, type_coerce

from onhook import urls
from onhook.call import Contact
from onhook.store import (
    NO_DIALOGS,
    NOT_GOING_ON,
    NotificationContext,
    Store,
    StoredDialogs,
    StoredGoingOn,
    Writes,
    schema,
)
from onhook.store.json_columns import ContextColumn, DialogsColumn, GoingOnColumn, JsonObject
from store.samples import APPLICATION, call

ONE = {"call_id": "x", "routes": ["a"], "pending": None}
FULL = NotificationContext(
    always=(("from_name", "東京"),),
    fields=(("digits", "12"), ("record_url", "http://a/")),
    monitor=Contact("monitor", urls.parse("http://b/"), "t", (("monitor_url", "http://c/"),)),
    received_s="1.250",
    format="json",
)


async def test_a_record_is_read_as_it_was_written(store: Store) -> None:
    await store.add_application(APPLICATION)
    going_on = StoredGoingOn.of({"v": 1, "call": {"typed": "東"}})
    full = call(facts=FULL, dialog=StoredDialogs((ONE, ONE)), going_on=going_on)
    await store.submit(Writes(calls=(full, call("S2"))))
    assert await store.call("S1") == full
    assert await store.call("S2") == call("S2")
    columns = schema.calls.c
    written = select(
        *(type_coerce(columns[name], Text) for name in ("dialog", "facts", "going_on"))
    )
    found = await store.database.query(written.order_by(columns.session))
    assert [tuple(row) for row in found] == [
        (
            json.dumps({"dialogs": [ONE, ONE]}),
            '{"always": {"from_name": "東京"}, "fields": {"digits": "12", "record_url": "http://a/"}, '
            '"monitor": ["monitor", "http://b/", "t", {"monitor_url": "http://c/"}], '
            '"received_s": "1.250", "format": "json"}',
            '{"v":1,"call":{"typed":"\\u6771"}}',
        ),
        ("", "", ""),
    ]


@pytest.mark.parametrize("text", ["", "{}", "null", "[1]", "{", '{"monitor": 1, "always": []}'])
def test_a_context_that_cannot_be_read_says_nothing(text: str) -> None:
    assert ContextColumn().value(text) == NotificationContext()


def test_nothing_said_is_no_text() -> None:
    assert ContextColumn().text(NotificationContext()) == ""


def test_dialogs_of_a_call_that_is_not_over_are_never_an_empty_text() -> None:
    column = DialogsColumn()
    assert column.text(NO_DIALOGS) == ""
    assert column.text(StoredDialogs()) == '{"dialogs": []}'
    assert column.value('{"dialogs": []}') == StoredDialogs()
    assert column.value("") == NO_DIALOGS


def test_one_dialog_as_it_was_stored_before_there_were_transfers() -> None:
    assert DialogsColumn().value(json.dumps(ONE)) == StoredDialogs((ONE,))


@pytest.mark.parametrize("text", ["{", "[]", "1"])
def test_dialogs_that_cannot_be_read_are_still_left(text: str) -> None:
    found = DialogsColumn().value(text)
    assert found.left
    assert text in DialogsColumn().text(found)


def test_an_object_that_cannot_be_read_is_empty() -> None:
    assert JsonObject().value("[") == {}


def test_what_a_call_goes_on_by_is_made_once_by_whoever_writes_it() -> None:
    made: list[int] = []

    def make() -> dict[str, object]:
        made.append(1)
        return {"v": 1}

    stored, column = StoredGoingOn(make), GoingOnColumn()
    assert made == []
    assert column.text(stored) == column.text(stored) == '{"v":1}'
    assert made == [1]
    assert column.value('{"v":1}') == stored


@pytest.mark.parametrize("text", ["", "{}", "{", "[1]", "null"])
def test_a_call_that_nobody_can_go_on_with_does_not_go_on(text: str) -> None:
    assert GoingOnColumn().value(text) is NOT_GOING_ON
    assert GoingOnColumn().text(NOT_GOING_ON) == ""
