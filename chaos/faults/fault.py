"""The base class of all faults."""

import enum
import random
from dataclasses import dataclass
from typing import Any, ClassVar

from chaos.clients.pool import ClientPool
from chaos.databases import Postgres, Sqlite
from chaos.shop import Shop


class Promise(enum.Enum):
    """What holds for requests during a fault. What holds for the database does not depend on it."""

    NONE_FAILS = "no request fails"
    EACH_IS_ANSWERED = "each request is answered, if only with 503"
    RETRY = "a request may have no answer, and is sent again"


@dataclass
class Context:
    """What a fault may act on."""

    database: Any
    shop: Shop
    clients: ClientPool
    data: dict[str, Any]


class Fault:
    """A fault: `begin` is called, then `tick` ten times a second, then `end`, after which everything has to work again.

    `seconds` is its duration in a short run and in a long one. `database` is `Postgres` or `Sqlite` if it needs one of
    them.
    """

    name: ClassVar[str]
    seconds: ClassVar[tuple[float, float]] = (2, 4)
    promise: ClassVar[Promise] = Promise.EACH_IS_ANSWERED
    database: ClassVar[type] = object

    def __init__(self, context: Context, chance: random.Random) -> None:
        self.context, self.random = context, chance

    @classmethod
    def why_not(cls, database: Postgres | Sqlite) -> str:
        """Return why this fault is impossible here; empty if it is possible."""
        if issubclass(cls.database, Postgres | Sqlite) and not isinstance(database, cls.database):
            return f"it needs {cls.database.__name__}"
        return ""

    def begin(self) -> None:
        raise NotImplementedError

    def tick(self) -> None:
        """Repeat what has to be repeated while the fault lasts."""

    def end(self) -> None:
        raise NotImplementedError

    def clean_up(self) -> None:
        """Release resources once the shop has recovered, or when the run is aborted."""
