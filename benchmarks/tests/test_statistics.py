import pytest

from benchmarks.pgbench import parse_pgbench, percentile
from benchmarks.statistics import Sample, Spread, ratio, rounded, spread

OUTPUT = """transaction type: order_statement.sql
number of transactions actually processed: 1628
number of failed transactions: 2 (0.123%)
latency average = 9.8 ms
tps = 1628.250000 (without initial connection time)
"""


def a_sample(**values):
    nothing = dict.fromkeys(["p50", "p95", "p99", "server_cpu", "database_cpu", "wrk_cpu"], 0.0)
    return Sample(**{"rate": 100.0, "requests": 100, "errors": 0, **nothing, **values})


def test_a_spread_is_the_median_and_the_range():
    assert Spread.of([5, 1, 9, 2, 3]) == Spread(median=3, low=1, high=9)
    assert Spread.of([1, 2]) == Spread(median=1.5, low=1, high=2)


def test_the_cpu_of_a_request_is_that_of_server_and_database():
    samples = [a_sample(server_cpu=server, database_cpu=1.0) for server in (2.0, 4.0, 3.0)]

    assert spread(samples, "cpu") == Spread(median=4.0, low=3.0, high=5.0)


def test_ratios_are_taken_round_by_round():
    ours = [a_sample(rate=rate) for rate in (100, 220, 90)]
    theirs = [a_sample(rate=rate) for rate in (100, 200, 100)]

    assert ratio(ours, theirs, "rate") == Spread(median=1.0, low=0.9, high=1.1)


def test_a_ratio_leaves_out_rounds_that_have_nothing_to_divide_by():
    assert ratio([a_sample(p99=6.0), a_sample(p99=3.0)], [a_sample(p99=0.0), a_sample(p99=2.0)], "p99") == Spread(
        1.5, 1.5, 1.5
    )
    assert ratio([a_sample(p99=6.0)], [a_sample(p99=0.0)], "p99") is None


@pytest.mark.parametrize(("part", "value"), [(50, 3), (95, 5), (99, 5), (1, 1)])
def test_a_percentile_is_one_of_the_values(part, value):
    assert percentile([1, 2, 3, 4, 5], part) == value


def test_the_percentile_of_nothing_is_zero():
    assert percentile([], 99) == 0


@pytest.mark.parametrize(("value", "shown"), [(1234.5, "1,234"), (99.94, "99.9"), (12.34, "12.3"), (0.123, "0.12")])
def test_a_number_is_shown_with_three_significant_digits(value, shown):
    assert rounded(value) == shown


def test_the_output_of_pgbench_is_parsed():
    assert parse_pgbench(OUTPUT) == (1628, 2, 1628.25)


def test_output_of_pgbench_without_a_report_is_an_error():
    with pytest.raises(ValueError, match="did not report"):
        parse_pgbench("pgbench: error: connection to server failed")
