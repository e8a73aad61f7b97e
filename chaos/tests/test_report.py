from chaos.auditor import Breach, Evidence, Window
from chaos.auditor.history import Attempt, History
from chaos.faults import Promise
from chaos.meter import LONG_ENOUGH, Readings
from chaos.plan import Plan
from chaos.report import rows_of, table, verdict
from chaos.run import Result, Settings

KILLED = Window("workers_killed", Promise.RETRY, began=10, gone=13, until=20)
FROZEN = Window("postgres_frozen", Promise.RETRY, began=20, gone=26, until=float("inf"))


def placed(sent, seconds, status=201):
    return Attempt(1, f"r{sent}", "place", "k", 1, "/api/orders", {}, sent, ended=sent + seconds, status=status)


def a_result(*breaches):
    attempts = [placed(1, 0.1), placed(11, 0.5, status=0), placed(13.5, 0.2), placed(21, 5, status=503), placed(27, 1)]
    evidence = Evidence(History(attempts), None, {}, windows=[KILLED, FROZEN])
    return Result(Settings(), Plan([], {"disk_full": "only root may"}), evidence, Readings(), list(breaches))


def test_each_request_and_each_breach_is_told_with_the_fault_at_which_it_was_sent():
    result = a_result(
        Breach("lost", "an order", at=13.5), Breach("wrong", "an answer", at=21), Breach("wrong", "stock")
    )

    none, killed, frozen = (row.cells() for row in rows_of([result]))

    assert none == ["(none)", "", "1", "1", "0", "0", "1", "0.10 s", ""]
    assert killed == ["workers_killed", "1", "2", "1", "1", "0", "0", "0.50 s", "0.70 s"]
    assert frozen == ["postgres_frozen", "1", "2", "1", "0", "0", "1", "5.00 s", "2.00 s"]


def test_runs_are_summed_and_the_worst_of_them_is_told():
    rows = rows_of([a_result(), a_result()])

    lines = table(rows).splitlines()

    assert [cell.strip() for cell in lines[-1].split("|")[1:-1]] == [
        "all", "4", "10", "6", "0", "0", "0", "5.00 s", "2.00 s",
    ]  # fmt: skip
    assert len({len(line) for line in lines}) == 1


def test_a_fault_after_which_no_order_was_placed_says_so():
    result = a_result()
    result.evidence.history.attempts.pop()

    assert rows_of([result])[-1].cells()[-1] == "never"


def test_the_verdict_names_what_was_broken_and_what_was_not_run():
    said = verdict(a_result(Breach("lost", "order 7 is not there", invariant="every_acknowledged_order_exists")))

    assert "BROKEN  every acknowledged order exists: 1 times\n            order 7 is not there" in said
    assert "held    one order for a key" in said
    assert "not run disk_full: only root may" in said


def test_memory_is_flat_where_it_grows_at_first_only():
    grows_at_first = [80.0] * 10 + [100.0] * LONG_ENOUGH

    assert Readings(grows_at_first).is_flat is True
    assert Readings([80.0 + second / 10 for second in range(LONG_ENOUGH)]).is_flat is False
    assert Readings(grows_at_first[:20]).is_flat is None
