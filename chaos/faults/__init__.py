"""Everything that can be made to break, by name."""

from chaos.faults import clients, clocks, connections, postgres, servers, sqlite, tables
from chaos.faults.fault import Fault, Promise, Scene

MODULES = (servers, postgres, connections, tables, clients, clocks, sqlite)
FAULTS: dict[str, type[Fault]] = {
    thing.name: thing
    for module in MODULES
    for thing in vars(module).values()
    if isinstance(thing, type) and issubclass(thing, Fault) and "name" in vars(thing)
}

__all__ = ["FAULTS", "Fault", "Promise", "Scene"]
