"""Customers' texts on the operator's terminal."""

import pytest

from onhook.cli.tables import show_fields, show_table


def test_texts_are_neither_markup_nor_commands(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("a", "b"), [("[bold]x[/bold]", "\x1b[2J\x07\r\nend"), ("[/nonsense]", 7)])
    shown = capsys.readouterr().out
    assert "[bold]x[/bold]" in shown
    assert "[/nonsense]" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\r" not in shown
    assert len(shown.splitlines()) == 3


def test_fields_without_a_value_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    show_fields([("one", 0), ("two", None), ("three", ""), ("four", "x")])
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["one", "four"]


def test_long_rows_are_not_broken_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("a", "b"), [("x" * 100, "y" * 100)])
    assert "x" * 100 in capsys.readouterr().out
