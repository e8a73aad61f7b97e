"""Where the worker processes keep their figures, so that any of them can tell those of all.

gunicorn's master makes and removes the folder. It must not import prometheus_client before, which decides when it is
imported whether there is one; so nothing here does.
"""

import os
import shutil
import tempfile

from shop import env

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a folder that is ours alone is made in it


def make(owner: int, group: int) -> None:
    """Make a fresh folder that the workers, who run as `owner`, can write to, and tell them."""
    # In memory where there is some: each request writes, and a disk that is busy or read-only must not stop it.
    folder = tempfile.mkdtemp(prefix="shop-metrics-", dir=SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None)
    if os.geteuid() == 0:
        os.chown(folder, owner, group)
    env.set_metrics_dir(folder)


def remove() -> None:
    """Remove the folder that was made."""
    if folder := env.metrics_dir():
        env.set_metrics_dir(None)
        shutil.rmtree(folder, ignore_errors=True)
