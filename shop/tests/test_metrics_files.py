"""The figures of workers, in files, also of those that are gone."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shop import env, metrics_folder
from shop.metrics import exposition
from shop.metrics_files import FigureFiles, is_alive, pid_in

A_WORKER = """
from prometheus_client import CollectorRegistry, Counter, Histogram
Counter("sold", "Sold.", ["what"]).labels("mug").inc(3)
Histogram("took", "Took.", buckets=[1, 2]).observe(1.5)
"""


@pytest.fixture
def figures(monkeypatch):
    """What somebody reads who is none of the workers."""

    def read(folder):
        monkeypatch.setenv(env.SHARED_FIGURES, str(folder))
        lines = exposition().decode().splitlines()
        return sorted(line for line in lines if line.startswith(("sold", "took")))

    return read


def a_worker_comes_and_goes(folder):
    subprocess.run([sys.executable, "-c", A_WORKER], env={env.SHARED_FIGURES: str(folder)}, check=True)


OF_TWO = {'sold_total{what="mug"} 6.0', "took_sum 3.0", 'took_bucket{le="1.0"} 0.0', 'took_bucket{le="2.0"} 2.0'}


@pytest.fixture
def two_are_gone(tmp_path):
    for _ in range(2):
        a_worker_comes_and_goes(tmp_path)
    return tmp_path


def test_the_figures_are_those_of_all_processes(two_are_gone, figures):
    assert set(figures(two_are_gone)) >= OF_TWO


def test_files_of_the_dead_become_one_and_nothing_is_lost(two_are_gone, figures):
    before = figures(two_are_gone)

    FigureFiles(two_are_gone).merge_dead(most=1)

    assert {path.name for path in two_are_gone.glob("*.db")} == {"counter_gone.db", "histogram_gone.db"}
    assert figures(two_are_gone) == before


def test_those_that_are_gone_later_are_added(two_are_gone, figures):
    FigureFiles(two_are_gone).merge_dead(most=1)
    for _ in range(2):
        a_worker_comes_and_goes(two_are_gone)
    before = figures(two_are_gone)

    FigureFiles(two_are_gone).merge_dead(most=1)

    assert 'sold_total{what="mug"} 12.0' in before
    assert figures(two_are_gone) == before
    assert {path.name for path in two_are_gone.glob("*.db")} == {"counter_gone.db", "histogram_gone.db"}


def test_a_worker_that_lives_keeps_its_file(two_are_gone):
    [some, other] = sorted(two_are_gone.glob("counter_*.db"))
    mine = some.rename(two_are_gone / f"counter_{os.getpid()}.db")

    FigureFiles(two_are_gone).merge_dead(most=0)

    assert mine.exists()
    assert not other.exists()
    assert is_alive(int(pid_in(mine)))


def test_who_reads_waits_for_who_merges(two_are_gone):
    order = []

    def read():
        with FigureFiles(two_are_gone).settled():
            order.append("read")

    with FigureFiles(two_are_gone).settled():
        reader = threading.Thread(target=read)
        reader.start()
        reader.join(0.2)
        order.append("merged")
    reader.join(10)

    assert order == ["merged", "read"]


def test_the_folder_is_fresh_ours_alone_and_gone_at_the_end(monkeypatch):
    monkeypatch.setenv(env.SHARED_FIGURES, "/somebody/elses")

    metrics_folder.make(os.getuid(), os.getgid())
    folder = Path(env.shared_figures())
    mode = stat.S_IMODE(folder.stat().st_mode)
    metrics_folder.remove()

    assert (mode, list(folder.parent.glob(folder.name))) == (0o700, [])
    assert env.shared_figures() is None
