import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.__main__ import create_competitors, read_arguments
from benchmarks.cases import BY_NAME, FLASH_SALE
from benchmarks.competitors import ROOT
from benchmarks.shop import PgBouncer, Shop

POSTGRES = SimpleNamespace(home=Path("/tmp/cluster"), port=5432)


def test_by_default_everything_is_measured_in_five_rounds():
    arguments = read_arguments([])

    assert arguments.cases == (*BY_NAME, FLASH_SALE)
    assert arguments.competitors == ("shop", "drf", "fastapi", "pgbench")
    assert (arguments.rounds, arguments.seconds, arguments.flash_sales) == (5, 6, 5)
    assert (arguments.before, arguments.latency, arguments.pgbouncer) == (None, 0, False)


def test_a_quick_run_is_one_round_of_a_second():
    arguments = read_arguments(["--quick", "--cases", "order,page"])

    assert (arguments.rounds, arguments.seconds, arguments.flash_sales) == (1, 1, 1)
    assert arguments.cases == ("order", "page")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cases", "order,pages"], "there is no pages; choose from order, "),
        (["--competitors", "flask"], "there is no flask; choose from shop, "),
        (["--rounds", "0"], "0 is not a positive number"),
        (["--before", "/nowhere"], "/nowhere is not a checkout of the shop"),
        (["--pgbouncer", "--competitors", "drf"], "which --competitors leaves out"),
        (["--before", str(ROOT), "--competitors", "drf"], "which --competitors leaves out"),
    ],
)
def test_what_makes_no_sense_is_rejected_with_a_message(words, message, capsys):
    with pytest.raises(SystemExit):
        read_arguments(words)

    assert message in capsys.readouterr().err


def test_another_checkout_is_served_from_its_own_folder_by_its_own_interpreter(tmp_path):
    (tmp_path / "gunicorn.conf.py").touch()
    words = ["--before", str(tmp_path), "--before-python", "/opt/old/bin/python", "--competitors", "shop"]

    shop, before = create_competitors(read_arguments(words), POSTGRES, tmp_path, None, None)

    assert (shop.name, shop.home()) == ("shop", ROOT)
    assert (before.name, before.home()) == ("before", tmp_path)
    assert before.server_command() == [Path("/opt/old/bin/gunicorn"), "shop.wsgi"]
    assert before.seed_command()[0] == Path("/opt/old/bin/python")
    assert shop.address != before.address
    assert shop.database != before.database


def test_another_checkout_runs_in_its_own_environment_if_it_has_one(tmp_path):
    (tmp_path / "gunicorn.conf.py").touch()
    without = read_arguments(["--before", str(tmp_path)])

    own = tmp_path / ".venv/bin/python"
    own.parent.mkdir(parents=True)
    own.touch()

    assert without.before_python == Path(sys.executable)
    assert read_arguments(["--before", str(tmp_path)]).before_python == own


def test_latency_applies_to_the_shop_and_to_the_other_checkout(tmp_path):
    latency = SimpleNamespace(address=("127.0.0.1", 1234))
    arguments = read_arguments(["--before", str(ROOT), "--latency", "1", "--competitors", "shop,drf"])

    shop, before, drf = create_competitors(arguments, POSTGRES, tmp_path, latency, None)

    assert shop.server_environment()["DATABASE_URL"] == "postgres://shop@127.0.0.1:1234/bench_shop"
    assert before.server_environment()["DATABASE_URL"] == "postgres://shop@127.0.0.1:1234/bench_before"
    assert drf.name == "drf"


def test_the_shop_is_told_that_it_is_behind_pgbouncer_and_its_migrations_are_not(tmp_path):
    pgbouncer = PgBouncer(("/tmp/cluster", 5432))

    shop = Shop(POSTGRES, tmp_path, name="pgbouncer", pgbouncer=pgbouncer)

    served, migrated = shop.server_environment(), shop.environment()
    assert served["BEHIND_PGBOUNCER"] == "true"
    assert served["DATABASE_URL"] == pgbouncer.url("bench_pgbouncer")
    assert "BEHIND_PGBOUNCER" not in migrated
    assert migrated["DATABASE_URL"] == "postgres://shop@%2Ftmp%2Fcluster/bench_pgbouncer"


def test_pgbouncer_reaches_a_distant_database_through_the_proxy():
    direct, distant = PgBouncer(("/tmp/cluster", 5432)), PgBouncer(("127.0.0.1", 1234), pool_size=5)

    assert dict(direct.configuration["databases"]) == {"*": "host=/tmp/cluster port=5432"}
    assert dict(distant.configuration["databases"]) == {"*": "host=127.0.0.1 port=1234"}
    assert distant.configuration["pgbouncer"]["default_pool_size"] == "5"
    assert direct.configuration["pgbouncer"]["pool_mode"] == "transaction"
