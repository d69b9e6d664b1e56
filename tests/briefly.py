"""Tests of many parameters: some always run, the others where there is time (`make slow`)."""

from collections.abc import Collection, Iterable

import pytest


def slow_but(quick: Collection[object], every: Iterable[object]) -> list[object]:
    """All of these parameters, as `pytest.mark.parametrize` takes them; those that are not quick are slow.

    AssertionError for a quick one that is none of them.
    """
    parameters = list(every)
    missing = [one for one in quick if one not in parameters]
    assert not missing, f"these are no parameters of the test: {missing}"
    return [one if one in quick else _slow(one) for one in parameters]


def _slow(one: object) -> object:
    values = one if isinstance(one, tuple) else (one,)
    return pytest.param(*values, marks=pytest.mark.slow)
