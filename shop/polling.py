"""Which sockets have something to read, asked of Linux itself."""

import select
from collections.abc import Callable
from selectors import SelectorKey
from typing import Any

ONCE = select.EPOLLIN | select.EPOLLONESHOT


class Poller:
    """As much of a selector as gunicorn wants, and armed files: of those it tells once, until they are armed again.

    Any thread may arm what it has for itself. From then on the file belongs to whoever is told that it is readable.
    """

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.keys: dict[int, SelectorKey] = {}

    def register(self, file: Any, events: int, data: Callable[[Any], object]) -> None:
        """Have `data` called with `file` when there is something to read."""
        number = file if isinstance(file, int) else file.fileno()
        self.keys[number] = SelectorKey(file, number, events, data)
        self.epoll.register(number, events)  # selectors.EVENT_READ is select.EPOLLIN.

    def arm(self, file: Any, data: Callable[[Any], object]) -> None:
        """The same for once."""
        if (number := file.fileno()) in self.keys:
            self.epoll.modify(number, ONCE)
        else:
            self.register(file, ONCE, data)

    def unregister(self, file: Any) -> None:
        """Tell of it no more, if at all; to be called before it is closed."""
        if self.keys.pop(file.fileno(), None):
            self.epoll.unregister(file.fileno())

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        return [(self.keys[number], events) for number, events in self.epoll.poll(timeout)]

    def close(self) -> None:
        self.epoll.close()
