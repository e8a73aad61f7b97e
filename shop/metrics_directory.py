"""The directory of the worker processes' metrics files, from which each of them can report the sums of all.

gunicorn's master makes and removes it. prometheus_client looks for it when it is imported, so this module must not
import it.
"""

import os
import shutil
import tempfile

from shop import env

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - mkdtemp makes a private directory in it


def make(owner: int, group: int) -> None:
    """Make an empty directory that the workers, which run as `owner`, can write to, and set METRICS_DIR."""
    # In memory if possible: every request writes to it, and must not wait for a busy or read-only disk.
    directory = tempfile.mkdtemp(
        prefix="shop-metrics-", dir=SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    )
    if os.geteuid() == 0:
        os.chown(directory, owner, group)
    env.set_metrics_dir(directory)


def remove() -> None:
    """Remove the directory."""
    if directory := env.metrics_dir():
        env.set_metrics_dir(None)
        shutil.rmtree(directory, ignore_errors=True)
