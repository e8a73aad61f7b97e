"""Trying a whole transaction again when the database has undone it to settle a conflict."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, models, transaction

from products.models.outages import CONFLICTS, code_of

Result = TypeVar("Result")

TRIES = 4
LONGEST_PAUSE = 0.05  # seconds, doubled with every try


def whole(work: Callable[[], Result], at_once: Callable[[], Result | None] | None = None) -> Result:
    """Run `work` in one transaction and return its answer; after a conflict try again, three times at the most.

    `at_once` is the same as one statement, which is a transaction by itself: it comes first, and is all of it unless it
    answers None, where it cannot be done like that and nothing was changed.

    Inside a transaction of the caller's it is tried once: only who opened a transaction can begin it anew. A connection
    that broke is no conflict, as the transaction may have been committed before: nothing is tried again then.
    Raises what `work` raises, and OperationalError where the conflict outlasts the tries.
    """
    tries = 1 if transaction.get_connection().in_atomic_block else TRIES
    for attempt in range(1, tries + 1):
        try:
            done = at_once() if at_once and attempt == 1 else None
            if done is not None:
                return done
            with transaction.atomic():
                return work()
        except OperationalError as error:
            if attempt == tries or code_of(error) not in CONFLICTS:
                raise
            # Jitter, so that two who collided do not collide again in step.
            time.sleep(random.uniform(0, LONGEST_PAUSE * 2**attempt))  # noqa: S311 - not a secret
    raise AssertionError("unreachable: the last try returns or raises")


class Snapshot:
    """A model instance as it is now, to go back to when the database has undone what was done to it since."""

    def __init__(self, instance: models.Model) -> None:
        self.instance = instance
        self.values, self.adding = dict(instance.__dict__), instance._state.adding

    def restore(self) -> None:
        self.instance.__dict__.clear()
        self.instance.__dict__.update(self.values)
        self.instance._state.adding = self.adding
