"""The threads of a worker."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Threads(Generic[Thing]):
    """So many threads that `work` on what they are given, first come, first served.

    They live until the end, since Django has a database connection for each. concurrent.futures makes a Future of each
    thing, with a lock and a condition, which costs more than all the rest of the way to a thread.
    """

    def __init__(self, number: int, work: Callable[[Thing], object]) -> None:
        self.number, self.work = number, work
        self.queue: SimpleQueue[Thing | None] = SimpleQueue()
        for _ in range(number):
            threading.Thread(target=self._work).start()

    def give(self, thing: Thing) -> None:
        self.queue.put(thing)

    def shutdown(self, wait: bool = False) -> None:
        """Let the threads end, behind what they have been given already. Nobody waits for that here."""
        for _ in range(self.number):
            self.queue.put(None)

    def _work(self) -> None:
        while (thing := self.queue.get()) is not None:
            self.work(thing)
