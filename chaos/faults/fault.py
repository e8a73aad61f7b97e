"""What a fault is."""

import enum
import random
from dataclasses import dataclass
from typing import Any, ClassVar

from chaos.crew import Crew
from chaos.databases import Postgres, Sqlite
from chaos.shop import Shop


class Promise(enum.Enum):
    """What a client may expect of its requests while a fault lasts. What is in the database is promised always."""

    NONE_FAILS = "no request fails"
    EACH_IS_ANSWERED = "each request is answered, if only with 503"
    RETRY = "a request may have no answer, and is sent again"


@dataclass
class Scene:
    """What a fault can get at."""

    database: Any
    shop: Shop
    crew: Crew
    stage: dict[str, Any]


class Fault:
    """Something that breaks. `begin`, then `go_on` ten times a second, then `end`, after which it is gone.

    `seconds` is how long it lasts: in a short run, in a long one. `database` says so where it needs a `Postgres` or an
    `Sqlite`.
    """

    name: ClassVar[str]
    seconds: ClassVar[tuple[float, float]] = (2, 4)
    promise: ClassVar[Promise] = Promise.EACH_IS_ANSWERED
    database: ClassVar[type] = object

    def __init__(self, scene: Scene, chance: random.Random) -> None:
        self.scene, self.random = scene, chance

    @classmethod
    def why_not(cls, database: Postgres | Sqlite) -> str:
        """Why it cannot be had here; empty where it can."""
        if issubclass(cls.database, Postgres | Sqlite) and not isinstance(database, cls.database):
            return f"there is no {cls.database.__name__} here"
        return ""

    def begin(self) -> None:
        raise NotImplementedError

    def go_on(self) -> None:
        """Whatever has to happen again and again."""

    def end(self) -> None:
        raise NotImplementedError

    def clean_up(self) -> None:
        """What is left to do once the shop has been seen to work again, and also where all of it is broken off."""
