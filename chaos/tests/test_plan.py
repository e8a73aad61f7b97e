from pathlib import Path

from chaos.databases import Sqlite
from chaos.faults import FAULTS
from chaos.plan import draw_plan

SQLITE = Sqlite(Path("/nowhere"))


def names(plan):
    return [planned.fault.name for planned in plan.faults]


def test_a_seed_draws_the_same_plan_every_time_and_another_one_another():
    plans = [draw_plan(seed, 60, None, SQLITE) for seed in (1, 1, 2)]

    assert plans[0] == plans[1]
    assert names(plans[0]) != names(plans[2])


def test_what_does_not_fit_or_is_not_there_is_left_out_with_its_reason():
    plan = draw_plan(1, 12, None, SQLITE)

    assert len(plan.faults) == 1
    assert set(plan.left_out) == set(FAULTS) - set(names(plan))
    assert plan.left_out["postgres_killed"] == "there is no Postgres here"
    assert "it does not fit into 12 s" in plan.left_out.values()


def test_what_is_named_is_planned_whether_it_fits_or_not():
    plan = draw_plan(1, 1, ["server_killed", "slow_clients"], SQLITE)

    assert sorted(names(plan)) == ["server_killed", "slow_clients"]
    assert plan.left_out == {}


def test_a_run_without_faults_has_none():
    assert draw_plan(1, 60, [], SQLITE).faults == []


def test_a_fault_lasts_longer_in_a_long_run():
    [short] = draw_plan(1, 60, ["slow_clients"], SQLITE).faults
    [long] = draw_plan(1, 600, ["slow_clients"], SQLITE).faults

    assert 5 <= short.seconds <= 6
    assert 12 <= long.seconds <= 15


def test_every_fault_says_what_it_is():
    assert [name for name, fault in FAULTS.items() if not fault.__doc__] == []
