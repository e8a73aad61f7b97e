"""The shop with one guard removed, as gunicorn serves it in the control runs.

Each function returns such an application, for `gunicorn "chaos.sabotage:without_row_lock()"`. Everything that they
replace is imported here, so that a rename in the shop fails at once.
"""

import random
import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg2
from django.conf import settings
from django.db import connection, transaction

import shop.wsgi
from products.db.bulk_sql import Statement
from products.models import Order
from products.models.orders import OrderQuerySet
from products.models.products import ProductQuerySet
from products.ordering import single_statement
from products.ordering.validation import OrderDraft

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

PROBABILITY = 0.15
"""Of each request, if a guard is removed for some requests only."""


def happens() -> bool:
    return random.random() < PROBABILITY


def without_row_lock() -> Application:
    """Two orders check the same stock and take it, one after the other."""
    place_step_by_step_only()
    ProductQuerySet.locked = lambda self: self.order_by("pk")  # type: ignore[method-assign]
    pause_after_check()
    return shop.wsgi.application


def without_second_check() -> Application:
    """The function in the database (see controls.py) takes the stock without checking it once more."""
    pause_after_check()
    return shop.wsgi.application


def pause_after_check() -> None:
    """Wait between the check and the sale, so that the missing guard shows in every run."""
    check = OrderDraft.check

    def check_and_pause(self: OrderDraft) -> None:
        check(self)
        time.sleep(0.03)

    OrderDraft.check = check_and_pause  # type: ignore[method-assign]


def place_step_by_step_only() -> None:
    """Switch the single statement off, which locks and writes the ledger by itself."""
    single_statement.is_supported = lambda order_model: False


def without_keys() -> Application:
    """Idempotency keys are not checked."""
    Order.check_idempotency_key = lambda self: None  # type: ignore[method-assign]
    return shop.wsgi.application


def without_ledger() -> Application:
    """Some stock changes are not written to the ledger."""
    place_step_by_step_only()
    move = ProductQuerySet._move_stock

    def move_without_ledger(self: ProductQuerySet, movements: Any, reason: Any, part: int = 0) -> list[Statement]:
        if happens():
            return [self.increment_stock({product: delta for _, product, delta in movements})]
        return move(self, movements, reason, part)

    ProductQuerySet._move_stock = move_without_ledger  # type: ignore[method-assign]
    return shop.wsgi.application


def without_commit() -> Application:
    """Some orders are acknowledged and then rolled back."""
    place = OrderQuerySet.place_once

    def place_and_lose(self: OrderQuerySet, **values: Any) -> tuple[Order, bool]:
        with transaction.atomic():
            placed = place(self, **values)
            transaction.set_rollback(happens())
        return placed

    OrderQuerySet.place_once = place_and_lose  # type: ignore[method-assign]
    return shop.wsgi.application


def without_restocking() -> Application:
    """Some cancelled orders do not put their stock back."""
    put_back = ProductQuerySet.put_back

    def forget(self: ProductQuerySet, pieces: Any, reason: Any, part: int = 0) -> list[Statement]:
        return [] if happens() else put_back(self, pieces, reason, part)

    ProductQuerySet.put_back = forget  # type: ignore[method-assign]
    return shop.wsgi.application


def without_retry_after() -> Application:
    """A 503 carries no Retry-After."""
    return answering(lambda status, headers: (status, [each for each in headers if each[0] != "Retry-After"]))


def without_503() -> Application:
    """An unavailable database is answered with 500."""
    return answering(lambda status, headers: ("500 Oops" if status.startswith("503") else status, headers))


def without_deadline() -> Application:
    """A request waits for its database without a limit."""
    settings.API_DEADLINE = None
    return shop.wsgi.application


def without_end_of_transaction() -> Application:
    """Each process leaves one transaction open."""
    connections: list[Any] = []

    def leave_one_open(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not connections:
            connections.append(psycopg2.connect(**connection.get_connection_params()))
            connections[0].cursor().execute("SELECT 1")
        return shop.wsgi.application(environ, start_response)

    return leave_one_open


def answering(change: Callable[[str, list[tuple[str, str]]], tuple[str, list[tuple[str, str]]]]) -> Application:
    """Return the shop with `change` applied to the status and the headers of each answer."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(*change(status, headers), *rest)

        return shop.wsgi.application(environ, start)

    return application
