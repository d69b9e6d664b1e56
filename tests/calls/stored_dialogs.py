"""What a row of a database says of the dialogs of its call."""

from onhook.calls import dialogs
from onhook.calls.dialogs import OpenDialog
from onhook.store import schema
from onhook.store.json_columns import DialogsColumn


def read(text: str) -> tuple[OpenDialog, ...]:
    """The dialogs that are left to be ended."""
    column = schema.calls.c.dialog.type
    assert isinstance(column, DialogsColumn)
    return dialogs.read(column.value(text))
