from onhook.notify.memory import TimedMemory


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_remembers_for_a_while() -> None:
    clock = Clock()
    memory: TimedMemory[str, int] = TimedMemory(60, 10, clock)
    memory.put("a", 1)
    clock.now = 59.9
    assert memory.get("a") == 1
    clock.now = 60
    assert memory.get("a") is None
    assert len(memory) == 0


def test_is_bounded_and_forgets_the_oldest() -> None:
    memory: TimedMemory[int, int] = TimedMemory(60, 3, Clock())
    for key in (1, 2, 3, 1, 4):
        memory.put(key, key)
    assert [memory.get(key) for key in (1, 2, 3, 4)] == [1, None, 3, 4]
