"""The history that a client writes: append-only, one JSON object a line, with two clocks."""

import json
import time
from pathlib import Path
from typing import Any


class Diary:
    """`mono` is CLOCK_MONOTONIC in seconds, the same for all processes of a machine; `wall` is seconds since 1970."""

    def __init__(self, path: Path, **facts: Any) -> None:
        self.file = path.open("a", encoding="utf-8", buffering=1)
        self.facts = facts

    def write(self, what: str, **facts: Any) -> float:
        """Write down that `what` happened now; the moment, by the monotonic clock."""
        now = time.monotonic()
        entry = {"what": what, "mono": round(now, 4), "wall": round(time.time(), 4), **self.facts, **facts}
        self.file.write(json.dumps(entry, separators=(",", ":")) + "\n")
        return now
