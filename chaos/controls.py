"""The runs that have to fail: each takes one guard away, and names the invariants that have to notice.

A harness that finds nothing has shown something only if it finds what is there.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

from chaos.run import Result, Settings, run

SECONDS = 7

migration = import_module("products.migrations.0011_place_order")
CHECK = "WHERE product.stock >= line.quantity AND product.retired_at IS NULL"
if CHECK not in migration.CREATE:
    raise AssertionError("The function checks the stock in other words now; adapt this control.")
FUNCTION_WITHOUT_CHECK = migration.CREATE.replace(CHECK, "WHERE product.retired_at IS NULL").replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
"""Placing in one statement that takes stock without looking whether there is any."""


class Control(NamedTuple):
    """`name` is a function of sabotage.py, `sql` takes the database's guard away, `noticed_by` are the invariants."""

    name: str
    noticed_by: Sequence[str]
    faults: Sequence[str] = ()
    sql: Sequence[str] = ()


CONTROLS = [
    Control(
        "without_row_lock",
        ["stock_was_never_negative"],
        sql=["ALTER TABLE products_product DROP CONSTRAINT stock_is_not_negative"],
    ),
    Control(
        "without_second_check",
        ["stock_was_never_negative"],
        sql=["ALTER TABLE products_product DROP CONSTRAINT stock_is_not_negative", FUNCTION_WITHOUT_CHECK],
    ),
    Control(
        "without_keys",
        ["one_order_for_a_key", "a_key_retried_to_its_end_has_its_order"],
        faults=["clients_hang_up"],
        sql=["DROP INDEX one_order_per_customer_and_key"],
    ),
    Control("without_ledger", ["the_ledger_sums_to_the_stock", "no_half_orders"]),
    Control("without_commit", ["every_acknowledged_order_exists"]),
    Control("without_restocking", ["stock_and_sold_are_what_was_received", "no_half_orders"]),
    Control("without_retry_after", ["who_is_put_off_is_told_until_when"], faults=["postgres_restarted"]),
    Control("without_503", ["only_promised_answers"], faults=["postgres_restarted"]),
    Control("without_deadline", ["answers_come_in_time"], faults=["postgres_frozen"]),
    Control("without_end_of_transaction", ["nothing_is_left_open"]),
]


def noticed(control: Control, seed: int) -> tuple[list[str], Result]:
    """Run the shop without that guard: which of the invariants that have to notice did, and all that came of it."""
    settings = Settings(
        seed=seed,
        seconds=SECONDS,
        faults=control.faults,
        application=f"chaos.sabotage:{control.name}()",
        sabotage=control.sql,
        say=lambda text: None,
    )
    result = run(settings)
    broken = {breach.invariant for breach in result.breaches}
    return [name for name in control.noticed_by if name in broken], result


def all_are_noticed(seed: int, say: Callable[[str], object]) -> bool:
    """Whether every one of these runs failed, and for the right reason."""
    verdicts = []
    for control in CONTROLS:
        by, _ = noticed(control, seed)
        verdicts.append(bool(by))
        say(
            f"  {'noticed' if by else 'MISSED '}  {control.name}: {', '.join(by) or 'nothing noticed'}".replace(
                "_", " "
            )
        )
    return all(verdicts)
