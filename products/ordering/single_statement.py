"""Placing an order in one statement: `SELECT products_place_order_3(…)`, a function of migration 0026.

The function locks the products in id order, checks that they have not changed since they were looked up and that every
line is in stock, and writes order, lines, stock, ledger and event; PostgreSQL commits all of it as one statement. That
takes three round trips instead of five. No lock is held while Python works, which matters when many customers buy the
same product. PostgreSQL caches the plans of a function itself, so nothing depends on which connection a pool gives.
"""

import functools
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, connections, models

from products.db.bulk_sql import insert_values, insertable_columns
from products.db.compiled_queries import fetch_all
from products.models.events import Event
from products.models.order_lines import COUNTERS, OrderLine

FUNCTION = "products_place_order_3"
"""Another signature gets another number, so that the running release keeps its own during a deployment."""

ORDER_COLUMNS = (
    "id",
    "customer_id",
    "number",
    "status",
    "total",
    "currency",
    "idempotency_key",
    "request_digest",
    "payment_reference",
    "carrier",
    "tracking_number",
    "created_at",
    "placed_at",
    "pay_by",
    "prices_include_tax",
)
DETAIL_COLUMNS = (
    "reference",
    "note",
    "email",
    "phone",
    "ship_to_name",
    "ship_to_company",
    "ship_to_line1",
    "ship_to_line2",
    "ship_to_postal_code",
    "ship_to_city",
    "ship_to_region",
    "ship_to_country",
)
"""The columns of the order that pass as one array; as NULL where all are blank, so that such an order costs no more."""
MONEY_COLUMNS = ("discount", "shipping", "shipping_tax_rate", "shipping_tax", "tax")
"""The columns of the order that pass as one array of numbers, which is NULL where there is nothing but zeros."""
LINE_COLUMNS = ("id", "product_id", "quantity", "sku", "name", "unit_price")
LINE_MONEY_COLUMNS = ("discount", "discount_share", "tax_rate", "tax")
"""The columns of the lines that each pass as an array, or as NULL where there is nothing but zeros."""
SET_BY_FUNCTION = ("updated_at",)
"""The columns of the order that the function sets itself: to `placed_at`.

The function's parameters, in order: the order's columns, the arrays of its details and of its money, an array for each
column of its lines, one of their products' tax classes, and the event's facts and user.
"""

LEFT_TO_DEFAULTS = {"paid", "refunded", "imported_number", *COUNTERS}
"""The columns of an order and of its lines that have their database defaults when it is placed: nothing has happened
to it yet, and only an import has the number of another system."""


@functools.cache
def writes_all_columns_of(order_model: type[models.Model]) -> bool:
    """Return whether the function writes every column of an order and of its lines, but those LEFT_TO_DEFAULTS.

    It does not know a column that was added later; such a model is placed step by step until the function has a new
    version.
    """
    of_order = {*ORDER_COLUMNS, *DETAIL_COLUMNS, *MONEY_COLUMNS, *SET_BY_FUNCTION}
    of_lines = {*LINE_COLUMNS, *LINE_MONEY_COLUMNS, "order_id"}
    return (
        set(insertable_columns(order_model)) - LEFT_TO_DEFAULTS == of_order
        and set(insertable_columns(OrderLine)) - LEFT_TO_DEFAULTS == of_lines
    )


def is_supported(order_model: type[models.Model]) -> bool:
    """Return whether the database has the function and no transaction of the caller's is open.

    In the caller's transaction an error in the statement would break the caller's work too.
    """
    database = connections[DEFAULT_DB_ALIAS]
    is_autocommit = not database.in_atomic_block and database.get_autocommit()
    return database.vendor == "postgresql" and is_autocommit and writes_all_columns_of(order_model)


def execute(order: Any, lines: Sequence[OrderLine], tax_classes: Sequence[str]) -> bool:
    """Write the order and everything that placing it brings; False, and nothing changed, if a product has changed.

    `tax_classes` are those of the lines' products, which are compared with the products like SKU, name and price.
    """
    model: type[models.Model] = type(order)
    event = Event.transition_row(order, None, order.placed_by)
    of_event = dict(zip(insertable_columns(Event), insert_values(Event, event), strict=True))
    is_taxed = order.shipping_tax_rate is not None  # A rate of 0 differs from no rate.
    values = [
        *attrgetter(*ORDER_COLUMNS)(order),
        _unless_blank(attrgetter(*DETAIL_COLUMNS)(order)),
        _unless_blank(attrgetter(*MONEY_COLUMNS)(order), keep=is_taxed),
        *map(list, zip(*map(attrgetter(*LINE_COLUMNS), lines), strict=True)),
        list(tax_classes),
        *(
            _unless_blank(column, keep=is_taxed)
            for column in zip(*map(attrgetter(*LINE_MONEY_COLUMNS), lines), strict=True)
        ),
        of_event["facts"],
        of_event["by_id"],
    ]
    database = connections[DEFAULT_DB_ALIAS]
    try:
        [(written,)] = fetch_all(database, _call(model), values)
    except Error:
        # As at the end of a transaction: the next statement must not get a connection that broke.
        database.close_if_unusable_or_obsolete()
        raise
    return bool(written)


def _unless_blank(values: Sequence[Any], *, keep: bool = False) -> list[Any] | None:
    return list(values) if keep or any(values) else None


@functools.cache
def _call(order_model: type[models.Model]) -> str:
    casts = [
        *(_cast(order_model, name) for name in ORDER_COLUMNS),
        "::text[]",
        "::numeric[]",
        *(f"{_cast(OrderLine, name)}[]" for name in LINE_COLUMNS),
        "::varchar[]",
        *("::numeric[]" for _ in LINE_MONEY_COLUMNS),
        _cast(Event, "facts"),
        _cast(Event, "by_id"),
    ]
    return f"SELECT {FUNCTION}({', '.join(f'%s{cast}' for cast in casts)})"


def _cast(model: type[models.Model], column: str) -> str:
    """Return "::type" of a column, without its length: a cast to varchar(100) would silently cut the text."""
    field = next(field for field in model._meta.concrete_fields if field.column == column)
    return f"::{str(field.db_type(connections[DEFAULT_DB_ALIAS])).partition('(')[0]}"
