"""Metrics of several worker processes, also of those that have exited."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from shop import env, metrics_directory
from shop.observability.metrics import exposition

A_WORKER = """
from prometheus_client import CollectorRegistry, Counter, Histogram
Counter("sold", "Sold.", ["what"]).labels("mug").inc(3)
Histogram("took", "Took.", buckets=[1, 2]).observe(1.5)
"""

OF_TWO = {'sold_total{what="mug"} 6.0', "took_sum 3.0", 'took_bucket{le="1.0"} 0.0', 'took_bucket{le="2.0"} 2.0'}


def run_a_worker(directory):
    subprocess.run([sys.executable, "-c", A_WORKER], env={env.METRICS_DIR: str(directory)}, check=True)


@pytest.mark.django_db
def test_the_metrics_are_the_sums_of_all_processes_also_of_those_that_have_exited(tmp_path, monkeypatch):
    for _ in range(2):
        run_a_worker(tmp_path)
    monkeypatch.setenv(env.METRICS_DIR, str(tmp_path))

    assert set(exposition().decode().splitlines()) >= OF_TWO


def test_the_directory_is_new_private_and_removed_at_the_end(monkeypatch):
    monkeypatch.setenv(env.METRICS_DIR, "/somebody/elses")

    metrics_directory.make(os.getuid(), os.getgid())
    folder = Path(env.metrics_dir())
    mode = stat.S_IMODE(folder.stat().st_mode)
    metrics_directory.remove()

    assert (mode, list(folder.parent.glob(folder.name))) == (0o700, [])
    assert env.metrics_dir() is None
