"""The schedule of a run, drawn from its seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from chaos.databases import Postgres, Sqlite
from chaos.faults import FAULTS, Fault

AROUND = 4.0  # seconds that a fault takes besides its own: load before it, coming back, load after it
LONG_RUN = 240  # seconds from which on faults last as long as they can


@dataclass(frozen=True)
class Planned:
    """A fault, how long the load goes on before it, and how long it lasts; seconds."""

    fault: type[Fault]
    before: float
    seconds: float


@dataclass(frozen=True)
class Plan:
    """`left_out` says of each fault that will not be seen why that is."""

    faults: list[Planned]
    left_out: dict[str, str]


def draw_plan(seed: int, seconds: float, names: Sequence[str] | None, database: Postgres | Sqlite) -> Plan:
    """The faults in an order of the seed's: those that are named, or else as many as fit into `seconds`."""
    chance = random.Random(f"plan {seed}")
    left_out = {name: FAULTS[name].why_not(database) for name in (FAULTS if names is None else names)}
    possible = [name for name, reason in left_out.items() if not reason]
    left_out = {name: reason for name, reason in left_out.items() if reason}
    # Each draws its numbers whether it fits or not, so that the others stay the same.
    drawn = [draw(FAULTS[name], chance, is_long=seconds >= LONG_RUN) for name in chance.sample(possible, len(possible))]
    faults: list[Planned] = []
    free = seconds
    for planned in drawn:
        needs = planned.seconds + AROUND
        if names is not None or needs <= free or not faults:
            faults.append(planned)
            free -= needs
        else:
            left_out[planned.fault.name] = f"it does not fit into {seconds:.0f} s"
    return Plan(faults, left_out)


def draw(fault: type[Fault], chance: random.Random, *, is_long: bool) -> Planned:
    short, long = fault.seconds
    lasts = chance.uniform(0.8 * long, long) if is_long else chance.uniform(short, 1.2 * short)
    return Planned(fault, before=chance.uniform(0.3, 1.0), seconds=round(lasts, 1))
