"""Somebody who looks on while other things happen."""

import threading
from typing import Self


class Watcher:
    """A context manager: `watch` runs in a thread of its own throughout the `with`, and ends when it is `over`."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.over.set()
        self.thread.join()

    def watch(self) -> None:
        raise NotImplementedError
