"""How many connections each worker has, as the workers see it of each other."""

import mmap
import time

import pytest

from shop import shares
from shop.shares import AWAY, FREE, HEAD_START, MOST, Share


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch):
    counts = memoryview(mmap.mmap(-1, 4 * MOST)).cast("I")
    counts[:] = memoryview(b"\xff" * 4 * MOST).cast("I")
    monkeypatch.setattr(shares, "counts", counts)


def seconds_of(act):
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@pytest.mark.parametrize(
    ("own", "others", "waits"),
    [(0, [], False), (3, [], False), (3, [3, 5], False), (4, [3, 5], True), (4, [AWAY], False), (AWAY, [3], False)],
)
def test_who_has_more_than_another_one_lets_it_go_first(own, others, waits):
    share = Share()
    share.connections = own
    for number in others:
        Share().connections = number

    assert (seconds_of(share.give_way) >= HEAD_START) is waits


def test_a_place_that_was_given_back_is_the_next_ones_and_nobody_waits_for_who_had_it():
    busy, gone = Share(), Share()
    busy.connections, gone.connections = 5, 0

    gone.end()

    assert seconds_of(busy.give_way) < HEAD_START
    assert Share().place == gone.place
    assert list(shares.counts[:3]) == [5, AWAY, FREE]
