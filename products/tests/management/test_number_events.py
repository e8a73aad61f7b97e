"""`manage.py number_events` works until it is stopped."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from django.conf import settings
from django.core.management import call_command

from products.management.commands import number_events
from products.models import Event, FeedEntry


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


@pytest.mark.django_db
def test_once_numbers_what_there_is_and_ends(a_product, capsys):
    a_product()
    events = Event.objects.count()

    call_command("number_events", "--once")
    call_command("number_events", "--once")

    assert capsys.readouterr().out == f"Events numbered: {events}.\nEvents numbered: 0.\n"
    assert FeedEntry.objects.count() == events > 0


@pytest.mark.django_db
def test_it_numbers_until_it_is_told_to_stop_and_leaves_the_signal_as_it_was(a_product, monkeypatch, capsys):
    a_product()
    monkeypatch.setattr(number_events, "POLL", 30)  # The signal ends the wait, too.
    former = signal.getsignal(signal.SIGTERM)
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGTERM]).start()

    call_command("number_events")

    assert capsys.readouterr().out == "Stopped.\n"
    assert FeedEntry.objects.count() == Event.objects.count() > 0
    assert signal.getsignal(signal.SIGTERM) == former
