"""Run the tests of the previous release on the database of this one, as a deployment will for some minutes:

    python -m tests_http.previous_release --release v1.4.0 [TEST …]

Checks the release out into a temporary worktree, migrates a PostgreSQL of its own with this code, and runs the other
release's tests of models, orders and the API on it, in the environment of this one. Without `--release` it is the
newest tag. Exits with pytest's code.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from products.tests.postgres import NoPostgres, PostgresServer
from tests_http.sample_shop import manage
from tests_http.server import ROOT

TESTS = [
    "products/tests/models/test_ledger.py",
    "products/tests/models/test_order_status.py",
    "products/tests/models/test_events.py",
    "products/tests/ordering",
    "products/tests/api/test_orders.py",
    "products/tests/api/test_order_transitions.py",
    "products/tests/api/test_products.py",
    "products/tests/api/test_stock.py",
    "products/tests/api/test_cart.py",
    "products/tests/api/test_tokens.py",
]
"""What serving requests needs. Tests of migrations and of the schema itself expect their own release's."""

PLUGIN = """
def pytest_collection_modifyitems(config, items):
    def flushes(item):
        marker = item.get_closest_marker("django_db")
        return "transactional_db" in item.fixturenames or bool(marker and marker.kwargs.get("transaction"))

    config.hook.pytest_deselected(items=[item for item in items if flushes(item)])
    items[:] = [item for item in items if not flushes(item)]
"""
"""Leaves out the tests that empty all tables at their end: the release cannot empty tables that it does not know."""


class NoRelease(Exception):
    """There is no such release; says why."""


def newest_tag() -> str:
    """Return the newest tag before this revision. Raises NoRelease."""
    found = _git("describe", "--tags", "--abbrev=0", "HEAD^")
    if found.returncode:
        raise NoRelease("There is no tag yet; name the commit that is running: RELEASE=<commit>.")
    return found.stdout.strip()


@contextmanager
def checked_out(release: str) -> Iterator[Path]:
    """Give a temporary worktree of the release. Raises NoRelease."""
    with tempfile.TemporaryDirectory(prefix="shop-release-") as folder:
        place = Path(folder, "shop")
        added = _git("worktree", "add", "--detach", "--quiet", str(place), release)
        if added.returncode:
            raise NoRelease(f"{release} cannot be checked out: {added.stderr.strip()}")
        try:
            yield place
        finally:
            _git("worktree", "remove", "--force", str(place))


def run(release: str, tests: Sequence[str]) -> int:
    """Run the release's tests on a database that this code has migrated; return pytest's exit code."""
    with checked_out(release) as place, PostgresServer() as server:
        # pytest-django's name for the tests' database, which --reuse-db takes as it is.
        with closing(psycopg2.connect(server.url)) as connection:
            connection.autocommit = True
            connection.cursor().execute("CREATE DATABASE test_shop ENCODING 'UTF8' TEMPLATE template0")
        manage("migrate", "--verbosity=0", url=server.url.removesuffix("shop") + "test_shop")
        (place.parent / "without_flush.py").write_text(PLUGIN)
        there = [test for test in tests if (place / test.partition("::")[0]).exists()]
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--reuse-db",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "without_flush",
            *there,
        ]
        environment = os.environ | {
            "DATABASE_URL": server.url,
            "PYTHONPATH": str(place.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.run(command, cwd=place, env=environment, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", help="a tag or a commit; the newest tag by default")
    parser.add_argument("tests", nargs="*", default=TESTS, help="its tests; by default those of orders and the API")
    arguments = parser.parse_args()
    release = arguments.release or newest_tag()
    sys.stdout.write(f"The tests of {release} on the database of this code\n")
    sys.stdout.flush()
    return run(release, arguments.tests)


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    try:
        sys.exit(main())
    except (NoPostgres, NoRelease) as error:
        sys.exit(str(error))
