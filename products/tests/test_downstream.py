"""A project that installs `products` as one of its apps can test with the shop's models, by pytest and by unittest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

DOWNSTREAM = Path(__file__).with_name("downstream")


@pytest.fixture
def environment():
    """What such a project is started with: the shop on its path, and this test's kind of database."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    environment = kept | {"PYTHONPATH": str(settings.BASE_DIR), "PYTHONDONTWRITEBYTECODE": "1"}
    if connection.vendor == "postgresql":
        values = connection.settings_dict
        libpq = {"PGHOST": values["HOST"], "PGPORT": values["PORT"], "PGUSER": values["USER"]}
        libpq |= {"PGPASSWORD": values["PASSWORD"], "PGDATABASE": f"downstream_{os.getpid()}"}
        environment |= {name: str(value) for name, value in libpq.items() if value}
    return environment


def test_a_downstream_project_tests_with_the_models(environment):
    # --create-db, because a run that was killed may have left its database behind.
    command = [sys.executable, "-m", "pytest", "-q", "--create-db"]

    done = subprocess.run(command, cwd=DOWNSTREAM, env=environment, capture_output=True, text=True, check=False)

    summary = done.stdout.splitlines()[-1].partition(" in ")[0]
    assert (done.returncode, summary) == (0, "6 passed"), done.stdout + done.stderr
