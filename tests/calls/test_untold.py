"""Recordings of which nobody was told."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from onhook.api.call_status import call_fields
from onhook.calls.untold import untold_links
from onhook.store import NotificationContext, StoredNotification
from store.samples import call, notification

LINK, WHOLE = "http://a/recordings/1.mp3", "http://a/recordings/2.mp3"
CUT_SHORT = call(
    state="ended", facts=NotificationContext(fields=(("record_url", LINK), ("digits", "1")))
)
TOLD = replace(CUT_SHORT, contact_url="http://b/")


def told(sequence: int, state: str, **fields: str) -> StoredNotification:
    return notification("S1", sequence, fields=fields, state=state)


def test_one_that_a_hangup_cut_short_which_tells_nobody() -> None:
    assert untold_links(CUT_SHORT) == {"record_url": LINK}
    assert call_fields(CUT_SHORT)["record_url"] == LINK


def test_none_while_the_call_goes_on_or_where_somebody_is_told() -> None:
    for record in (
        TOLD,
        replace(CUT_SHORT, state="running"),
        replace(CUT_SHORT, facts=NotificationContext()),
    ):
        assert untold_links(record) == {}
        assert "record_url" not in call_fields(record)


def test_that_of_a_monitor_has_a_notification_of_its_own() -> None:
    facts = NotificationContext(fields=(("monitor_url", WHOLE),))
    assert untold_links(replace(CUT_SHORT, facts=facts)) == {}


@pytest.mark.parametrize(
    ("state", "links"),
    [
        ("given_up", {"record_url": LINK, "monitor_url": WHOLE}),
        ("pending", {}),
        ("delivered", {}),
        ("replay", {}),
    ],
)
def test_one_whose_notification_was_given_up(state: str, links: Mapping[str, str]) -> None:
    notifications = [told(1, state, record_url=LINK), told(2, state, monitor_url=WHOLE, tag="")]
    assert untold_links(TOLD, notifications) == links


def test_one_that_was_told_in_another_notification_is_not_untold() -> None:
    notifications = [told(1, "given_up", record_url=LINK), told(2, "delivered", record_url=LINK)]
    assert untold_links(TOLD, notifications) == {}
