"""Calls that are made together leave in their order."""

from collections.abc import Callable

from onhook.calls.turns import Done, Turns

Sent = list[tuple[str, Done]]


def sender(sent: Sent, name: str) -> Callable[[Done], None]:
    return lambda done: sent.append((name, done))


def names(sent: Sent) -> list[str]:
    return [name for name, _ in sent]


def test_who_is_ready_first_waits_for_those_before() -> None:
    turns, sent = Turns(), Sent()
    one, two, three = (turns.another() for _ in range(3))
    three.take(sender(sent, "three"))
    two.take(sender(sent, "two"))
    assert sent == []
    one.take(sender(sent, "one"))
    assert names(sent) == ["one"], "the next goes when this one is through"
    sent[0][1]()
    assert names(sent) == ["one", "two"]
    sent[1][1]()
    sent[1][1]()
    assert names(sent) == ["one", "two", "three"]


def test_nobody_waits_for_one_that_will_never_go() -> None:
    turns, sent = Turns(), Sent()
    one, two, three = (turns.another() for _ in range(3))
    two.take(sender(sent, "two"))
    three.take(sender(sent, "three"))
    one.pass_on()
    assert names(sent) == ["two"]
    two.pass_on()
    assert names(sent) == ["two", "three"]


def test_one_that_is_over_before_its_turn_is_left_out() -> None:
    turns, sent = Turns(), Sent()
    one, two, three = (turns.another() for _ in range(3))
    two.pass_on()
    three.take(sender(sent, "three"))
    one.take(lambda done: done())
    assert names(sent) == ["three"]
