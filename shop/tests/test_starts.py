"""What manage.py and gunicorn say if the environment is not usable: a sentence and exit code 1, and no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUNICORN = str(Path(sys.executable).with_name("gunicorn"))
INVALID = "The configuration is invalid:\n"

MIGRATE = [sys.executable, "manage.py", "migrate"]
COMMANDS = {
    "check": [sys.executable, "manage.py", "check"],
    "help": [sys.executable, "manage.py", "help"],
    "gunicorn": [GUNICORN, "shop.wsgi"],
}


def run(command, **environment):
    """Run the command in an environment of these variables only; return its exit code and all that it says."""
    environment = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": os.defpath, **environment}
    process = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30
    )
    return process.returncode, process.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_setting_that_is_not_usable_is_named(command):
    code, said = run(COMMANDS[command], DEBUG="maybe", LOG_LEVEL="LOUD")

    assert (code, said) == (
        1,
        INVALID + "DEBUG is 'maybe'; write true or false.\n"
        "LOG_LEVEL is 'LOUD'; write one of DEBUG, INFO, WARNING, ERROR.\n",
    )


@pytest.mark.parametrize("command", ["check", "gunicorn"])
def test_a_database_url_that_is_not_usable_is_not_shown(command):
    code, said = run(COMMANDS[command], DATABASE_URL="mysql://shop:a-secret@db/shop")

    assert code == 1
    assert said.startswith(INVALID + "DATABASE_URL is not usable; write postgres://")
    assert "a-secret" not in said


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:////nowhere/shop.sqlite3", "unable to open database file (SQLITE_CANTOPEN)"),
        ("postgres://shop:a-secret@127.0.0.1:1/shop", "Connection refused (OperationalError)"),
    ],
)
def test_a_command_that_has_no_database_says_why(url, sentence):
    code, said = run(MIGRATE, DATABASE_URL=url)

    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("The database is unavailable: ")
    assert said.endswith(f"{sentence}\n")
    assert "a-secret" not in said


def test_the_traceback_can_be_had():
    code, said = run([*MIGRATE, "--traceback"], DATABASE_URL="sqlite:////nowhere/shop.sqlite3")

    assert code == 1
    assert said.startswith("Traceback")


def test_a_bug_keeps_its_traceback():
    broken = "from django.db import connection; connection.cursor().execute('SELECT FROM WHERE')"

    code, said = run([sys.executable, "manage.py", "shell", "--command", broken], DATABASE_URL="sqlite://:memory:")

    assert code == 1
    assert "Traceback" in said


def test_a_python_without_django_is_told_what_to_do():
    code, said = run([sys.executable, "-S", "manage.py", "check"])  # -S hides what is installed

    assert (code, said) == (
        1,
        f"{sys.executable} has no Django; run `make install`, and then .venv/bin/python manage.py.\n",
    )
