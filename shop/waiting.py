"""Where connections wait for their clients without a thread."""

import itertools
import time
from collections.abc import Iterator

from shop.connections import Connection


class WaitingRoom:
    """Connections in the order in which they have to be gone."""

    def __init__(self) -> None:
        self.ends: dict[Connection, float] = {}

    def __contains__(self, connection: Connection) -> bool:
        return connection in self.ends

    def __iter__(self) -> Iterator[Connection]:
        return iter(self.ends)

    def admit(self, connection: Connection, ends_at: float) -> None:
        """Let it wait until `ends_at` (time.monotonic), which is no earlier than those of who is here already."""
        self.ends.pop(connection, None)
        self.ends[connection] = ends_at

    def release(self, connection: Connection) -> None:
        """It has waited for long enough, if it is here at all."""
        self.ends.pop(connection, None)

    def overdue(self) -> list[Connection]:
        now = time.monotonic()
        return list(itertools.takewhile(lambda connection: self.ends[connection] <= now, self.ends))

    def hurry(self, ends_at: float) -> None:
        """Let those who have not begun to speak wait no longer than that."""
        for connection in self.ends:
            if not connection.arrived:
                self.ends[connection] = min(self.ends[connection], ends_at)
        self.ends = dict(sorted(self.ends.items(), key=lambda item: item[1]))

    def held(self) -> int:
        """Bytes that have arrived here."""
        return sum(len(connection.arrived) for connection in self.ends)
