"""The command: `python -m chaos`. Exits with 0 where every promise was kept, else with 1."""

import argparse
import random
import signal
import sys

from chaos.controls import all_are_noticed
from chaos.faults import FAULTS
from chaos.report import rows_of, table, verdict
from chaos.run import Result, Settings, run


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="draws the schedule; a random one unless given")
    parser.add_argument("--seeds", type=int, default=0, help="as many runs, with the seeds from 1 on, in one table")
    parser.add_argument("--seconds", type=float, default=60, help="how long a run lasts, at the least")
    parser.add_argument("--faults", default="", help="all, none, or some separated by commas; else as many as fit")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite instead of a PostgreSQL")
    parser.add_argument("--control", action="store_true", help="take guards away: 0 where each of these runs fails")
    parser.add_argument("--steady", action="store_true", help="nothing breaks; watch memory and connections")
    return parser.parse_args()


def faults_named(text: str) -> list[str] | None:
    """Raises SystemExit for what is none."""
    if text in ("", "all", "none"):
        return {"": None, "all": list(FAULTS), "none": []}[text]
    names = text.split(",")
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
    seed = random.randrange(1, 1_000_000) if arguments.seed is None else arguments.seed
    if arguments.control:
        say(f"Each of these shops lacks a guard (seed {seed}):")
        return 0 if all_are_noticed(seed, say) else 1
    names = [] if arguments.steady else faults_named(arguments.faults)
    seeds = range(1, arguments.seeds + 1) if arguments.seeds else [seed]
    results = [
        one_run(Settings(seed=each, seconds=arguments.seconds, faults=names, sqlite=arguments.sqlite, say=say))
        for each in seeds
    ]
    say("\n" + table(rows_of(results)))
    broken = any(result.breaches for result in results)
    if arguments.steady:
        say(f"\n{results[0].readings}")
        broken |= results[0].readings.is_flat is False
    return 1 if broken else 0


if __name__ == "__main__":
    # Being told to go is as good a reason to clean up as Ctrl-C, which a job in the background does not hear by itself.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())
