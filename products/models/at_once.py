"""Placing a new order in one statement, which PostgreSQL checks, writes and commits by itself.

It is what `Order._take_goods` does step by step, for an order that can be placed as it was looked up. Of five trips to
the database three are left, and nobody holds a lock while Python works, which counts where all want the same product.
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, Error, connections, models

from products.models.catalogue import Product
from products.models.events import Event
from products.models.kept_queries import Planned, can_prepare
from products.models.order_lines import OrderLine
from products.models.statements import columns_of_new, values_of_new
from products.models.stock import Reason, StockMovement

if TYPE_CHECKING:
    from products.models.orders import Order

# Each shelf is locked in the order of ids and then looked at once more; all the rest happens if all of them are as they
# were looked up and have enough, else nothing. A lock that has to be waited for is on the row as it is by then.
SQL = """
WITH new ({order_columns}) AS (SELECT {order}),
line ({line_columns}) AS (SELECT * FROM unnest({lines})),
happened ({event_columns}) AS (SELECT {event}),
shelf AS (
    SELECT product.id, line.quantity
    FROM {product_table} AS product JOIN line ON line.product_id = product.id
    WHERE product.stock >= line.quantity AND product.retired_at IS NULL
        AND (product.sku, product.name, product.price) = (line.sku, line.name, line.unit_price)
    ORDER BY product.id
    FOR NO KEY UPDATE OF product
),
fine AS (SELECT WHERE (SELECT count(*) FROM shelf) = (SELECT count(*) FROM line)),
taken AS (
    UPDATE {product_table} AS product SET stock = product.stock - shelf.quantity
    FROM shelf, fine WHERE product.id = shelf.id
),
placed AS (INSERT INTO {order_table} ({order_columns}) SELECT new.* FROM new, fine),
wanted AS (INSERT INTO {line_table} ({line_columns}) SELECT line.* FROM line, fine),
moved AS (
    INSERT INTO {movement_table} (product_id, delta, reason, line_id, note, at)
    SELECT line.product_id, -line.quantity, '{sold}', line.id, '', new.placed_at FROM line, new, fine
)
INSERT INTO {event_table} ({event_columns}) SELECT happened.* FROM happened, fine RETURNING id
"""


def can_place_at_once() -> bool:
    """Whether the database can, and no transaction of the caller's is open, which an error would break."""
    database = connections[DEFAULT_DB_ALIAS]
    return can_prepare(database) and not database.in_atomic_block and database.get_autocommit()


def place_at_once(order: "Order", lines: Sequence[OrderLine], event: dict[str, Any]) -> bool:
    """Whether the order was placed. If not, its goods are not any more what they were, and nothing was changed.

    Raises what the database raises, such as IntegrityError where the order's key is taken.
    """
    columns = zip(*(values_of_new(OrderLine, vars(line)) for line in lines), strict=True)
    values = [*values_of_new(type(order), vars(order)), *map(list, columns), *values_of_new(Event, event)]
    database = connections[DEFAULT_DB_ALIAS]
    try:
        return bool(_statement(type(order)).execute(database, values))
    except Error:
        # As the end of a transaction would, or whoever comes next would still have a connection that broke.
        database.close_if_unusable_or_obsolete()
        raise


@functools.cache
def _statement(order: "type[Order]") -> Planned:
    order_types, event_types = _types(order), _types(Event)
    line_types = [f"{type_}[]" for type_ in _types(OrderLine)]
    sql = SQL.format(
        order=_typed(order_types),
        lines=_typed(line_types),
        event=_typed(event_types),
        order_columns=", ".join(columns_of_new(order)),
        line_columns=", ".join(columns_of_new(OrderLine)),
        event_columns=", ".join(columns_of_new(Event)),
        product_table=Product._meta.db_table,
        order_table=order._meta.db_table,
        line_table=OrderLine._meta.db_table,
        movement_table=StockMovement._meta.db_table,
        event_table=Event._meta.db_table,
        sold=Reason.SOLD,
    )
    statement = Planned(sql)
    statement.casts = [f"::{type_}" for type_ in (*order_types, *line_types, *event_types)]
    return statement


def _typed(types: Sequence[str]) -> str:
    return ", ".join(f"%s::{type_}" for type_ in types)


def _types(model: type[models.Model]) -> list[str]:
    """The type of each column without its bounds, to which a cast would silently cut a value."""
    database = connections[DEFAULT_DB_ALIAS]
    types = [str(model._meta.get_field(column).db_type(database)) for column in columns_of_new(model)]
    return [type_.partition("(")[0] for type_ in types]
