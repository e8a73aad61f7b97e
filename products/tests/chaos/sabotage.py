"""The shop with one guard taken away: what gunicorn serves in the runs that have to fail, and never else.

Each function makes such a shop, for `gunicorn "products.tests.chaos.sabotage:without_row_lock()"`.
"""

import random
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg2
from django.conf import settings
from django.db import connection, transaction

import shop.wsgi
from products.models import Order, at_once
from products.models.order_queries import OrderQuerySet
from products.models.placing import Placement
from products.models.product_queries import ProductQuerySet
from products.models.statements import Statement

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

NOW_AND_THEN = 0.15


def it_is_time() -> bool:
    return random.random() < NOW_AND_THEN


def without_row_lock() -> Application:
    """Two orders look at the same stock and take it, one after the other."""
    check = Placement.check

    def check_and_dawdle(self: Placement) -> None:
        check(self)
        time.sleep(0.03)  # so that it happens in every run, and not in most of them

    at_once.can_place_at_once = lambda: False  # as that takes the lock by itself
    ProductQuerySet.locked = lambda self: self.order_by("pk")  # type: ignore[method-assign]
    Placement.check = check_and_dawdle  # type: ignore[method-assign]
    return shop.wsgi.application


def without_second_look() -> Application:
    """What is sold by one statement is sold as it was looked up, whatever has become of it by then."""
    check = Placement.check_unlocked

    def check_and_dawdle(self: Placement) -> bool:
        acceptable = check(self)
        time.sleep(0.03)
        return acceptable

    at_once.SQL = re.sub(r"WHERE product.stock .*?(?=ORDER BY)", "", at_once.SQL, flags=re.DOTALL)
    Placement.check_unlocked = check_and_dawdle  # type: ignore[method-assign]
    return shop.wsgi.application


def without_keys() -> Application:
    """Nobody looks whether a key has been used before."""
    Order.refuse_a_second_time = lambda self: None  # type: ignore[method-assign]
    return shop.wsgi.application


def without_ledger() -> Application:
    """Now and then stock moves, and nobody writes it down."""
    at_once.can_place_at_once = lambda: False  # as that writes its own
    move = ProductQuerySet._move_for

    def move_and_forget(self: ProductQuerySet, lines: Any, reason: Any, sign: int) -> list[Statement]:
        if it_is_time():
            return [self.move_stock({line.product_id: sign * line.quantity for line in lines})]
        return move(self, lines, reason, sign)

    ProductQuerySet._move_for = move_and_forget  # type: ignore[method-assign]
    return shop.wsgi.application


def without_commit() -> Application:
    """Now and then an order is acknowledged before it is committed, and then it is not."""
    place = OrderQuerySet.place_once

    def place_and_lose(self: OrderQuerySet, **values: Any) -> tuple[Order, bool]:
        with transaction.atomic():
            placed = place(self, **values)
            transaction.set_rollback(it_is_time())
        return placed

    OrderQuerySet.place_once = place_and_lose  # type: ignore[method-assign]
    return shop.wsgi.application


def without_giving_back() -> Application:
    """Cancelling an order now and then leaves its goods where they are."""
    take_back = ProductQuerySet.take_back

    def forget(self: ProductQuerySet, lines: Any, reason: Any) -> list[Statement]:
        return [] if it_is_time() else take_back(self, lines, reason)

    ProductQuerySet.take_back = forget  # type: ignore[method-assign]
    return shop.wsgi.application


def without_retry_after() -> Application:
    """Whoever is put off is not told until when."""
    return answering(lambda status, headers: (status, [each for each in headers if each[0] != "Retry-After"]))


def without_503() -> Application:
    """A database that is away is answered with 500."""
    return answering(lambda status, headers: ("500 Oops" if status.startswith("503") else status, headers))


def without_deadline() -> Application:
    """A request waits for its database as long as that takes."""
    settings.API_DEADLINE = None
    return shop.wsgi.application


def without_end_of_transaction() -> Application:
    """Each process leaves a transaction open."""
    connections: list[Any] = []

    def leave_one_open(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not connections:
            connections.append(psycopg2.connect(**connection.get_connection_params()))
            connections[0].cursor().execute("SELECT 1")
        return shop.wsgi.application(environ, start_response)

    return leave_one_open


def answering(change: Callable[[str, list[tuple[str, str]]], tuple[str, list[tuple[str, str]]]]) -> Application:
    """The shop, with `change` made to the status and the headers of each answer."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(*change(status, headers), *rest)

        return shop.wsgi.application(environ, start)

    return application
