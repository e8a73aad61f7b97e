"""Placing a new order in one statement, which PostgreSQL checks, writes and commits by itself.

It is what `Order._take_goods` does step by step, for an order that can be placed as it was looked up. Of five trips to
the database three are left, and nobody holds a lock while Python works, which counts where all want the same product.
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, Error, connections, models

from products.models.catalogue import Product
from products.models.events import Event
from products.models.kept_queries import Planned, can_prepare
from products.models.lifecycle import Status
from products.models.order_lines import OrderLine
from products.models.placing import Placement, count_placed, mark_written
from products.models.refusals import Refusal
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


def place_at_once(order: "Order") -> "Order | None":
    """Place a new order; None, and nothing changed, where that cannot be done without looking at its goods under lock.

    Raises what `Order.save()` does, and what the database does, such as IntegrityError where the order's key is taken.
    """
    is_new = order._state.adding and order.status == Status.PLACED and order.customer_id is not None
    if not (is_new and can_place_at_once()):
        return None
    placement = Placement(order, None, locked=False)
    try:
        if not placement.check_unlocked():
            return None
    except Refusal:
        order.refuse_a_second_time()
        raise
    lines = placement.freeze()
    if not _write(order, lines):
        return None
    mark_written(order, lines)
    count_placed(lines)
    return order


def _write(order: "Order", lines: Sequence[OrderLine]) -> bool:
    """Whether its goods were still what they were, and everything is written and committed."""
    columns = zip(*(values_of_new(OrderLine, vars(line)) for line in lines), strict=True)
    event = values_of_new(Event, Event.objects.of_move(order, None, order.customer))
    values = [*values_of_new(type(order), vars(order)), *map(list, columns), *event]
    database = connections[DEFAULT_DB_ALIAS]
    try:
        return bool(_statement(type(order)).execute(database, values))
    except Error:
        # As the end of a transaction would, or whoever comes next would still have a connection that broke.
        database.close_if_unusable_or_obsolete()
        raise


@functools.cache
def _statement(order: "type[Order]") -> Planned:
    casts_of = {
        "order": _casts(order),
        "lines": [f"{cast}[]" for cast in _casts(OrderLine)],
        "event": _casts(Event),
    }
    sql = SQL.format(
        **{values: ", ".join(f"%s{cast}" for cast in casts) for values, casts in casts_of.items()},
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
    return Planned(sql, [cast for casts in casts_of.values() for cast in casts])


def _casts(model: type[models.Model]) -> list[str]:
    """To the type of each column without its bounds, to which a cast would silently cut a value."""
    database = connections[DEFAULT_DB_ALIAS]
    types = [str(model._meta.get_field(column).db_type(database)) for column in columns_of_new(model)]
    return [f"::{type_.partition('(')[0]}" for type_ in types]
