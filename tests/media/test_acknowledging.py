"""Up to which event a plane may forget what it has told."""

from onhook.media.acknowledging import Acknowledging


def test_what_is_held_and_all_behind_it_is_kept() -> None:
    told: list[int] = []
    events = Acknowledging(told.append)
    events.taken(3)()
    first, second = events.hold(5), events.hold(7)
    events.taken(9)()
    first()
    first()
    second()
    assert told == [3, 4, 6, 9]


def test_what_was_held_of_a_plane_that_is_gone_is_nothing_to_the_next() -> None:
    told: list[int] = []
    events = Acknowledging(told.append)
    let_go = events.hold(5)
    events.begin()
    events.taken(1)()
    events.hold(5)
    let_go()
    events.taken(6)()
    assert told == [1, 4]


def test_what_was_told_by_a_plane_that_is_gone_is_nothing_to_the_next() -> None:
    told: list[int] = []
    events = Acknowledging(told.append)
    late = events.taken(900)
    events.begin()
    events.taken(1)()
    late()
    events.taken(2)()
    assert told == [1, 2]
