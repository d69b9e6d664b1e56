"""Which refusals are told of: one a minute and address, and only so many."""

from onhook.phone.once_a_minute import EVERY_S, REMEMBERED, OnceAMinute


class Now:
    at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


def test_an_address_is_told_of_once_a_minute() -> None:
    now = Now()
    strangers = OnceAMinute(now)
    assert [strangers.is_news(host) for host in "abab"] == [True, True, False, False]
    now.at_s = EVERY_S - 0.1
    assert not strangers.is_news("a")
    now.at_s = EVERY_S
    assert [strangers.is_news(host) for host in "aab"] == [True, False, True]


def test_made_up_addresses_take_no_memory_and_few_lines() -> None:
    now = Now()
    strangers = OnceAMinute(now)
    told = sum(strangers.is_news(str(number)) for number in range(100_000))
    assert told == REMEMBERED
    assert len(strangers._told) == REMEMBERED
    now.at_s = EVERY_S
    assert strangers.is_news("later")
    assert len(strangers._told) == 1
