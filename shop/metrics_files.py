"""The files in which the worker processes keep their figures, one for each kind and process (prometheus_client's)."""

import fcntl
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

KINDS = ("counter", "histogram")
MAX_DEAD = 20
"""So many files of each kind may workers leave behind that are gone; then they become one."""


@dataclass(frozen=True)
class FigureFiles:
    folder: Path

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Nobody else reads or merges meanwhile: in between, a figure would be there twice."""
        with (self.folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.merge_dead()
            yield

    def merge_dead(self, most: int = MAX_DEAD) -> None:
        """Add up what workers counted that are gone, where they have left more than `most` files of a kind.

        Their counts stay, or the sums would fall; but each reload leaves files behind, and reading takes longer.
        """
        for kind in KINDS:
            dead = [path for path in self.folder.glob(f"{kind}_[0-9]*.db") if not is_alive(int(pid_in(path)))]
            if len(dead) > most:
                self._merge(kind, dead)

    def _merge(self, kind: str, dead: list[Path]) -> None:
        of_all = self.folder / f"{kind}_gone.db"
        sums: dict[str, float] = defaultdict(float)
        for path in [of_all, *dead] if of_all.exists() else dead:
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):
                sums[key] += value
        new = self.folder / f"{kind}.new"
        new.unlink(missing_ok=True)
        figures = MmapedDict(str(new))
        for key, value in sums.items():
            figures.write_value(key, value, 0.0)
        figures.close()
        new.replace(of_all)
        for path in dead:
            path.unlink()


def pid_in(path: Path) -> str:
    return path.stem.partition("_")[2]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
