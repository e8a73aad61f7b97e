"""`manage.py number_events` works until it is stopped."""

import os
import signal
import subprocess
import sys

from django.conf import settings


def test_it_stops_when_told_even_while_the_database_does_not_answer(tmp_path):
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'without-tables.sqlite3'}"}
    command = [sys.executable, "manage.py", "number_events"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}

    with subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, **pipes) as process:
        complaint = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)

    assert complaint.startswith("The database does not answer")
    assert (process.returncode, said) == (0, "Stopped.\n")
