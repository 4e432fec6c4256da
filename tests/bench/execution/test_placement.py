"""Slow workers wait where a fast one is done sooner; everybody works otherwise, and nobody waits for nothing."""

from __future__ import annotations

import heapq

from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.execution import Job
from privtalk.bench.execution.placement import MARGIN, Speeds


class StoppedClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def tasks(*work: float) -> list[Job]:
    return [Job(str(number), print, (), size) for number, size in enumerate(work)]


def measured(paces: dict[int, float]) -> tuple[Speeds, StoppedClock]:
    """Workers that have done one unit each."""
    clock = StoppedClock()
    speeds = Speeds(clock)
    for worker in paces:
        speeds.began(worker, 1.0)
    for worker, pace in sorted(paces.items(), key=lambda item: item[1]):
        clock.now = pace
        speeds.ended(worker)
    return speeds, clock


def test_workers_of_whom_nothing_is_known_all_begin() -> None:
    assert Speeds().given([0, 1, 2], tasks(1, 1)) == {0: 0, 1: 1}


def test_equal_workers_never_wait() -> None:
    speeds, _ = measured({0: 1.0, 1: 1.0})
    assert speeds.given([0, 1], tasks(1, 1, 1)) == {0: 0, 1: 1}
    assert speeds.given([1], tasks(1)) == {1: 0}


def test_a_slow_worker_takes_what_is_far_back_in_the_queue_only() -> None:
    speeds, _ = measured({0: 1.0, 1: 4.0})
    assert speeds.given([0, 1], tasks(1, 1, 1)) == {0: 0}
    assert speeds.given([0, 1], tasks(*[1] * 9)) == {0: 0, 1: 3}


def test_it_waits_for_a_faster_one_that_is_at_work() -> None:
    speeds, clock = measured({0: 1.0, 1: 4.0})
    speeds.began(0, 1.0)
    assert speeds.given([1], tasks(1)) == {}
    clock.now += 40.0  # the fast one has not come back: it is taken to need as long again
    assert speeds.given([1], tasks(1)) == {1: 0}


def test_a_new_worker_in_a_lost_ones_place_is_tried() -> None:
    speeds, _ = measured({0: 1.0, 1: 4.0})
    speeds.lost(1)
    assert speeds.given([0, 1], tasks(1, 1)) == {0: 0, 1: 1}


def test_little_tasks_do_not_make_a_worker_slow() -> None:
    speeds, clock = measured({0: 1.0, 1: 1.0})
    speeds.began(1, 1e-6)  # mostly overhead
    clock.now += 0.05
    speeds.ended(1)
    assert speeds.given([0, 1], tasks(1, 1)) == {0: 0, 1: 1}


@given(
    st.lists(st.floats(0.1, 10), min_size=1, max_size=5),
    st.lists(st.floats(0.1, 10), min_size=1, max_size=20),
)
def test_all_tasks_are_done_and_no_later_than_without_waiting(paces: list[float], work: list[float]) -> None:
    """A queue played to its end, with paces that are known and true, in tasks that begin with the longest."""
    queue = sorted(work, reverse=True)
    assert played(paces, queue, waits=True) <= MARGIN * played(paces, queue, waits=False) + 1e-6


def test_waiting_pays() -> None:
    assert played([1.0, 4.0], [1.0] * 3, waits=False) == 4.0
    assert played([1.0, 4.0], [1.0] * 3, waits=True) == 3.0


def played(paces: list[float], work: list[float], *, waits: bool) -> float:
    """When the last task ends."""
    speeds, clock = measured(dict(enumerate(paces)))
    began = clock.now
    waiting, busy = tasks(*work), list[tuple[float, int]]()
    free, done = list(range(len(paces))), 0
    while waiting or busy:
        taken = speeds.given(free, waiting) if waits else dict(zip(free, range(len(waiting)), strict=False))
        assert taken or busy
        for worker, place in taken.items():
            speeds.began(worker, waiting[place].work)
            heapq.heappush(busy, (clock.now + waiting[place].work * paces[worker], worker))
            free.remove(worker)
        waiting = [task for place, task in enumerate(waiting) if place not in taken.values()]
        clock.now, worker = heapq.heappop(busy)
        speeds.ended(worker)
        free.append(worker)
        done += 1
    assert done == len(work)
    return clock.now - began
