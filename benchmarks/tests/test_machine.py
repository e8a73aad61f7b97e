import os
import subprocess
import sys

import pytest

from benchmarks.machine import CLOCK_TICKS, cpu_seconds, memory_mb, process_tree


def a_process(proc, pid, *, children=(), ticks=(0, 0, 0, 0), name="postgres: a (b) c"):
    folder = proc / str(pid)
    (folder / "task" / str(pid)).mkdir(parents=True)
    (folder / "task" / str(pid) / "children").write_text(" ".join(map(str, children)))
    fields = ["S", *["0"] * 10, *map(str, ticks), *["0"] * 20]
    (folder / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")
    (folder / "smaps_rollup").write_text("00-ff ---p 00000000 00:00 0 [rollup]\nRss: 4096 kB\nPss: 2048 kB\n")


def test_all_descendants_are_counted_and_exited_ones_in_their_parent(tmp_path):
    a_process(tmp_path, 1, children=[2, 3], ticks=(10, 20, 300, 400))
    a_process(tmp_path, 2, children=[4], ticks=(1, 2, 0, 0))
    a_process(tmp_path, 3)
    a_process(tmp_path, 4, ticks=(5, 0, 0, 0))

    assert sorted(process_tree(1, tmp_path)) == [1, 2, 3, 4]
    assert cpu_seconds(1, tmp_path) == (10 + 20 + 300 + 400 + 1 + 2 + 5) / CLOCK_TICKS
    assert memory_mb(1, tmp_path) == 4 * 2048 / 1024


def test_a_process_that_has_exited_meanwhile_counts_nothing(tmp_path):
    a_process(tmp_path, 1, children=[2], ticks=(7, 0, 0, 0))

    assert cpu_seconds(1, tmp_path) == 7 / CLOCK_TICKS
    assert memory_mb(1, tmp_path) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_cpu_time_of_a_child_counts_while_it_runs_and_after_it_has_exited():
    before = cpu_seconds(os.getpid())
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    child = subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    child.stdout.readline()
    alive = cpu_seconds(os.getpid()) - before
    child.communicate(b"\n")
    gone = cpu_seconds(os.getpid()) - before

    assert alive >= 0.28
    assert gone >= alive
