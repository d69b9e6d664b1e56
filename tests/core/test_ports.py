"""Ports of tests are nobody else's, also while whoever has them does not listen there."""

from ports import free_port


def test_no_port_is_given_twice_while_there_are_others() -> None:
    given = [free_port() for _ in range(300)]
    assert len(set(given)) == len(given)
