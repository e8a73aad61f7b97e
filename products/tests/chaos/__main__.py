"""The command: `python -m products.tests.chaos`. Exits with 0 where every promise was kept, else with 1."""

import argparse
import random
import signal
import sys

from products.tests.chaos.faults import FAULTS
from products.tests.chaos.report import rows_of, table, verdict
from products.tests.chaos.run import Result, Settings, run


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="draws the schedule; a random one unless given")
    parser.add_argument("--seeds", type=int, default=0, help="as many runs, with the seeds from 1 on, in one table")
    parser.add_argument("--seconds", type=float, default=60, help="how long a run lasts")
    parser.add_argument("--faults", default="", help="all, or some separated by commas; as many as fit unless given")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite instead of a PostgreSQL")
    return parser.parse_args()


def faults_named(text: str) -> list[str]:
    """Raises SystemExit for what is none."""
    names = list(FAULTS) if text == "all" else [name for name in text.split(",") if name]
    if unknown := [name for name in names if name not in FAULTS]:
        sys.exit(f"There is no fault {', '.join(unknown)}; there are {', '.join(FAULTS)}.")
    return names


def one_run(settings: Settings) -> Result:
    where = "SQLite" if settings.sqlite else "PostgreSQL"
    settings.say(f"Seed {settings.seed}, {settings.seconds:.0f} s on {where}")
    result = run(settings)
    settings.say(verdict(result))
    return result


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    arguments = read_arguments()
    names = faults_named(arguments.faults)
    seeds = range(1, arguments.seeds + 1) if arguments.seeds else [arguments.seed or random.randrange(1, 1_000_000)]
    results = [
        one_run(Settings(seed=seed, seconds=arguments.seconds, faults=names, sqlite=arguments.sqlite, say=say))
        for seed in seeds
    ]
    say("\n" + table(rows_of(results)))
    return 1 if any(result.breaches for result in results) else 0


if __name__ == "__main__":
    # Being told to go is as good a reason to clean up as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
