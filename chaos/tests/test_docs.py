"""docs/reliability.md lists all faults and invariants as the code describes them."""

from chaos.auditor import INVARIANTS
from chaos.databases import Postgres, Sqlite
from chaos.faults import FAULTS
from tests_http.server import ROOT

PAGE = (ROOT / "docs/reliability.md").read_text()
ON = {Postgres: "PostgreSQL", Sqlite: "SQLite", object: "both"}


def rows(heading):
    """Return the rows of the table under a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


def test_the_table_of_faults_is_complete():
    assert rows("Faults") == [
        f"| `{name}` | {fault.__doc__.splitlines()[0]} | {ON[fault.database]} | {fault.promise.value} "
        f"| {fault.seconds[0]:g}, {fault.seconds[1]:g} |"
        for name, fault in FAULTS.items()
    ]


def test_the_table_of_invariants_is_complete():
    assert rows("Invariants") == [
        f"| {name.replace('_', ' ')} | {check.__doc__} |" for name, check in INVARIANTS.items()
    ]


def test_the_page_has_markers_for_the_results():
    assert PAGE.count("<!-- results: begin -->") == PAGE.count("<!-- results: end -->") == 1
