"""Control runs, which have to fail: each removes one guard of the shop and names the invariants that must be violated.

They show that the auditor finds violations if there are any.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

from chaos.run import Result, Settings, run

SECONDS = 7

migration = import_module("products.migrations.0026_place_order_with_money")
CHECK = "WHERE product.stock >= line.quantity AND product.retired_at IS NULL"
if CHECK not in migration.CREATE:
    raise AssertionError("The SQL function checks the stock in a different way now; adapt this control.")
FUNCTION_WITHOUT_CHECK = migration.CREATE.replace(CHECK, "WHERE product.retired_at IS NULL").replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
"""The function that places an order in one statement, without its check of the stock."""


class Control(NamedTuple):
    """`name` is a function in sabotage.py, `sql` removes the database's own guard, `noticed_by` are the invariants."""

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
        ["one_order_for_a_key", "a_key_retried_until_success_has_one_order"],
        faults=["clients_disconnect"],
        sql=["DROP INDEX one_order_per_customer_and_key"],
    ),
    Control("without_ledger", ["the_ledger_sums_to_the_stock", "orders_are_complete"]),
    Control("without_commit", ["every_acknowledged_order_exists"]),
    Control("without_restocking", ["stock_plus_sold_is_what_was_received", "orders_are_complete"]),
    Control("without_retry_after", ["every_429_and_503_has_retry_after"], faults=["postgres_restarted"]),
    Control("without_503", ["only_documented_answers"], faults=["postgres_restarted"]),
    Control("without_deadline", ["answers_arrive_in_time"], faults=["postgres_frozen"]),
    Control("without_end_of_transaction", ["nothing_stays_open"]),
]


def noticed(control: Control, seed: int) -> tuple[list[str], Result]:
    """Run the shop without that guard. Return the expected invariants that were violated, and the whole result."""
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
    """Return whether every control run failed for the expected reason."""
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
