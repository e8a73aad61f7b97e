import pytest

from benchmarks.pgbench import percentile, read
from benchmarks.statistics import Sample, Spread, plain, spread

SAID = """transaction type: order_statement.sql
number of transactions actually processed: 1628
number of failed transactions: 2 (0.123%)
latency average = 9.8 ms
tps = 1628.250000 (without initial connection time)
"""


def a_sample(**values):
    nothing = dict.fromkeys(["p50", "p95", "p99", "server_cpu", "database_cpu", "wrk_cpu"], 0.0)
    return Sample(**{"rate": 100.0, "requests": 100, "errors": 0, **nothing, **values})


def test_several_measurements_are_a_median_and_how_far_they_were_apart():
    assert Spread.of([5, 1, 9, 2, 3]) == Spread(median=3, low=1, high=9)
    assert Spread.of([1, 2]) == Spread(median=1.5, low=1, high=2)


def test_the_cpu_of_a_request_is_the_servers_and_the_databases():
    samples = [a_sample(server_cpu=server, database_cpu=1.0) for server in (2.0, 4.0, 3.0)]

    assert spread(samples, "cpu") == Spread(median=4.0, low=3.0, high=5.0)


@pytest.mark.parametrize(("part", "value"), [(50, 3), (95, 5), (99, 5), (1, 1)])
def test_a_percentile_is_a_value_that_was_measured(part, value):
    assert percentile([1, 2, 3, 4, 5], part) == value


def test_the_percentile_of_nothing_is_zero():
    assert percentile([], 99) == 0


@pytest.mark.parametrize(("value", "shown"), [(1234.5, "1,234"), (99.94, "99.9"), (12.34, "12.3"), (0.123, "0.12")])
def test_a_number_is_shown_with_the_digits_that_mean_something(value, shown):
    assert plain(value) == shown


def test_what_pgbench_prints_is_read():
    assert read(SAID) == (1628, 2, 1628.25)


def test_a_pgbench_that_reports_nothing_is_an_error():
    with pytest.raises(ValueError, match="did not report"):
        read("pgbench: error: connection to server failed")
