"""How the database is set up while it is measured, where results go, and who is told."""

import sys
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "512MB",
    # Checkpoints come between the measurements, not in the middle of somebody's.
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
}


def tell(line: str) -> None:
    """Say how far it is. Results go to the other stream."""
    sys.stderr.write(f"{line}\n")
