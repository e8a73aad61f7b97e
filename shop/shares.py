"""How many connections each worker has, in memory that they share: who has more lets the others go first.

Linux wakes all of them for a connection, and whoever is quicker has it for as long as it is kept. Of sixteen that came
at once, one of two workers had sixteen, and one of two cores did all the work.
"""

import mmap
import time

MOST = 1_024
"""Workers; gunicorn may have twice as many as it is told to for a while."""
HEAD_START = 0.0005
"""Seconds that the others have for it. An idle worker needs a tenth of that."""
FREE = 2**32 - 1
AWAY = FREE - 1
"""What a worker says that does not take connections, not yet or not any more."""

counts = memoryview(mmap.mmap(-1, 4 * MOST)).cast("I")
counts[:] = memoryview(b"\xff" * 4 * MOST).cast("I")


class Share:
    """One worker's place. The master makes it before it forks, and gives it back when the worker has ended."""

    def __init__(self) -> None:
        self.place = counts.tolist().index(FREE)
        self.connections = AWAY

    @property
    def connections(self) -> int:
        return counts[self.place]

    @connections.setter
    def connections(self, number: int) -> None:
        counts[self.place] = number

    def give_way(self) -> None:
        """Wait a moment where another worker has fewer connections; whether or not that takes this one, go on then."""
        if self.connections != AWAY and self.connections > min(counts):
            time.sleep(HEAD_START)

    def end(self) -> None:
        """The worker is gone, however it went."""
        counts[self.place] = FREE
