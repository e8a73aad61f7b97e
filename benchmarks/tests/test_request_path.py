import subprocess
import sys

import pytest

from benchmarks.competitors import ROOT
from benchmarks.request_path import RequestPath


@pytest.fixture
def call(tmp_path):
    """A function in products/a.py, which calls one in shop/b.py twice and one in elsewhere/c.py."""
    namespace = {}
    for file, source in {
        "elsewhere/c.py": "def c(): pass",
        "shop/b.py": "def b(): c()",
        "products/a.py": "def again(): pass\ndef a():\n    b()\n    b()\n    again()",
    }.items():
        exec(compile(source, tmp_path / file, "exec"), namespace)
    return namespace["a"]


def test_files_calls_and_changes_of_file_are_counted(call, tmp_path):
    with RequestPath(tmp_path) as path:
        call()

    assert (path.files, path.calls, path.changes) == (2, 4, 3)
    assert path.calls_by_file == {str(tmp_path / "products/a.py"): 2, str(tmp_path / "shop/b.py"): 2}


def test_nothing_is_counted_afterwards(call, tmp_path):
    with RequestPath(tmp_path) as path:
        pass
    call()

    assert path.calls == 0


def test_it_runs_as_a_script_and_lists_the_files_of_an_order_and_a_page():
    environment = {"PATH": "/usr/bin:/bin"}
    command = [sys.executable, ROOT / "benchmarks/request_path.py", "--root", ROOT, "--files"]

    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()]
    order, page = (row for row in rows if row[0] in ("`POST /api/orders`", "`GET /api/products`"))
    assert rows[0] == ["request", "files", "changes of file", "calls"]
    for name, files, changes, calls in (order, page):
        assert name
        assert 0 < int(files) <= int(changes) <= int(calls)
    listed = [row for row in rows if row[0].endswith(".py")]
    assert len(listed) == int(order[1]) + int(page[1])
    assert "products/models/orders.py" in [row[0] for row in listed]
