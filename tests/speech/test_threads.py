import asyncio
import threading

import pytest

from onhook.speech.threads import Abandoned, Checkpoint, ThreadPool


async def test_work_runs_beside_the_loop_and_its_result_comes_back() -> None:
    workers = ThreadPool(1, "test")
    loop_thread = threading.current_thread()

    def work(checkpoint: Checkpoint) -> bool:
        checkpoint()
        return threading.current_thread() is loop_thread

    assert await workers.run(work) is False
    await workers.close()


async def test_work_that_is_given_up_ends_at_its_next_checkpoint() -> None:
    workers = ThreadPool(1, "test")
    begun, given_up, ended = threading.Event(), threading.Event(), threading.Event()

    def work(checkpoint: Checkpoint) -> None:
        begun.set()
        given_up.wait(60)
        try:
            checkpoint()
        except Abandoned:
            ended.set()
            raise

    task = asyncio.create_task(workers.run(work))
    await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    given_up.set()
    await workers.close()
    assert ended.is_set()


async def test_what_has_not_begun_when_it_is_given_up_never_runs() -> None:
    workers = ThreadPool(1, "test")
    begun, go, ran = threading.Event(), threading.Event(), threading.Event()

    def block(_checkpoint: Checkpoint) -> None:
        begun.set()
        go.wait(60)

    first = asyncio.create_task(workers.run(block))
    await asyncio.to_thread(begun.wait, 60)
    second = asyncio.create_task(workers.run(lambda _checkpoint: ran.set()))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    go.set()
    await first
    await workers.close()
    assert second.cancelled() and not ran.is_set()
