"""docs/reliability.md, held to the faults and the invariants that there are."""

from chaos.auditor import INVARIANTS
from chaos.databases import Postgres, Sqlite
from chaos.faults import FAULTS
from tests_http.server import ROOT

PAGE = (ROOT / "docs/reliability.md").read_text()
ON = {Postgres: "PostgreSQL", Sqlite: "SQLite", object: "both"}


def rows(heading):
    """The table below that heading, without its head."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


def test_each_fault_stands_there_with_what_it_breaks_and_what_holds_meanwhile():
    assert rows("Faults") == [
        f"| `{name}` | {fault.__doc__.splitlines()[0]} | {ON[fault.database]} | {fault.promise.value} "
        f"| {fault.seconds[0]:g}, {fault.seconds[1]:g} |"
        for name, fault in FAULTS.items()
    ]


def test_each_invariant_stands_there_in_a_sentence():
    assert rows("Invariants") == [
        f"| {name.replace('_', ' ')} | {check.__doc__} |" for name, check in INVARIANTS.items()
    ]


def test_the_place_for_the_results_is_marked():
    assert PAGE.count("<!-- results: begin -->") == PAGE.count("<!-- results: end -->") == 1
