"""Retrying a whole transaction after a conflict, and restoring an instance after a rollback."""

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import OperationalError, models, transaction

from products.db.errors import CONFLICTS, sqlstate

Result = TypeVar("Result")

MAX_TRIES = 4
MAX_PAUSE = 0.05
"""Seconds before the first retry at most; doubled with every further one."""


def atomic_with_retry(work: Callable[[], Result], *, max_tries: int = MAX_TRIES) -> Result:
    """Run `work` in one transaction and return its result; after a conflict, roll back and retry up to three times.

    A conflict is a deadlock, a serialization failure or a lock timeout. Inside the caller's transaction, `work` runs
    once: only the code that opened a transaction can restart it. A lost connection is not retried, because the commit
    may have succeeded. Raises what `work` raises, and OperationalError if the conflict persists.
    """
    tries = 1 if transaction.get_connection().in_atomic_block else max_tries
    for attempt in range(1, tries + 1):
        try:
            with transaction.atomic():
                return work()
        except OperationalError as error:
            if attempt == tries or sqlstate(error) not in CONFLICTS:
                raise
            # Jitter keeps two transactions that collided from colliding again.
            time.sleep(random.uniform(0, MAX_PAUSE * 2 ** (attempt - 1)))  # noqa: S311 - not a secret
    raise AssertionError("unreachable: the last try returns or raises")


class InstanceState:
    """The field values of a model instance, to restore after a rollback.

    `also` names attributes that are not fields. Fields that were deferred are left alone.
    """

    def __init__(self, instance: models.Model, *also: str) -> None:
        self.instance = instance
        names, stored = [field.attname for field in instance._meta.concrete_fields], vars(instance)
        self.values: dict[str, Any] = {name: stored[name] for name in names if name in stored}
        self.values |= {name: getattr(instance, name) for name in also}
        self.adding, self.db = instance._state.adding, instance._state.db

    def restore(self) -> None:
        """Set the instance's fields back to the saved values."""
        for name, value in self.values.items():
            setattr(self.instance, name, value)
        self.instance._state.adding, self.instance._state.db = self.adding, self.db
