"""A short run with some faults on each database, and on PostgreSQL one control run.

`make chaos` and `make chaos-control` run all of them.
"""

from django.db import connection

from chaos.controls import CONTROLS, FUNCTION_WITHOUT_CHECK, noticed
from chaos.report import rows_of, table, verdict
from chaos.run import Settings, run
from products.ordering import single_statement
from products.tests.side_by_side import on_postgresql

ON_SQLITE = ["concurrent_writers", "server_killed", "clients_disconnect"]
ON_POSTGRESQL = ["workers_killed", "postgres_killed", "postgres_frozen", "connections_cut", "server_terminated"]


def test_the_shop_keeps_its_promises_during_faults():
    sqlite = connection.vendor == "sqlite"
    faults = ON_SQLITE if sqlite else ON_POSTGRESQL

    result = run(Settings(seed=7, seconds=10, faults=faults, sqlite=sqlite, say=lambda text: None))

    assert not result.breaches, f"{verdict(result)}\n{table(rows_of([result]))}"
    assert {window.fault for window in result.evidence.windows} == set(faults)
    assert all(row.acknowledged for row in rows_of([result]))
    assert result.evidence.samples.taken > 50


@on_postgresql
def test_a_shop_that_acknowledges_before_it_commits_is_noticed():
    [control] = [each for each in CONTROLS if each.name == "without_commit"]

    by, _ = noticed(control, seed=7)

    assert by == ["every_acknowledged_order_exists"]


def test_the_control_without_the_check_alters_the_function_that_places_orders():
    assert f"FUNCTION {single_statement.FUNCTION}(" in FUNCTION_WITHOUT_CHECK
