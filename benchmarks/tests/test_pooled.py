from benchmarks import pooled
from benchmarks.load import Load


def load(requests, rejected=0):
    return Load(requests=requests, seconds=2, p50=10, p95=20, p99=30, rejected=rejected, broken=0)


def test_the_median_of_the_ratios_is_printed_and_errors_are_added_up():
    rounds = [[load(1_000), load(900)], [load(1_000), load(1_100, rejected=100)], [load(4_000), load(3_200)]]

    table = pooled.report(rounds, [60, 5]).splitlines()

    assert table[0] == "60 threads, 3 rounds of 2 s"
    assert table[4:6] == ["| direct | 60 | 500 | 10 | 30 | 0 |", "| through PgBouncer | 5 | 500 | 10 | 30 | 100 |"]
    assert table[-1] == "Through PgBouncer: 90% of direct"
