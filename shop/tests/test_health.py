"""What the platform's probes get."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from products.tests.side_by_side import on_postgresql

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]

READY = {"database": "ok", "migrations": "ok"}


def out_of_reach(execute, sql, params, many, context):
    raise OperationalError("could not connect to server db.internal: user shop, no such thing")


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_process_that_works_is_alive_and_ready(client, slash):
    live, ready = client.get(f"/health/live{slash}"), client.get(f"/health/ready{slash}")

    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "checks": READY})
    assert live["Cache-Control"] == ready["Cache-Control"] == "no-store"


def test_a_probe_by_address_is_answered_too(client, settings):
    settings.ALLOWED_HOSTS = ["shop.example.com"]
    settings.SECURE_SSL_REDIRECT = True

    answers = [client.get(f"/health/{kind}", headers={"Host": "10.1.2.3:8000"}) for kind in ("live", "ready")]

    assert [answer.status_code for answer in answers] == [200, 200]


def test_to_be_alive_no_database_is_needed(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/health/live").status_code == 200


def test_a_good_word_about_the_migrations_is_remembered(client, django_assert_num_queries):
    client.get("/health/ready")

    with django_assert_num_queries(1):
        assert client.get("/health/ready").status_code == 200


def test_without_a_database_it_is_alive_but_not_ready_and_keeps_the_reason_to_itself(client, logged):
    with connection.execute_wrapper(out_of_reach):
        live, ready = client.get("/health/live"), client.get("/health/ready")

    assert live.status_code == 200
    assert (ready.status_code, ready["Retry-After"]) == (503, "1")
    checks = {"database": "out of reach", "migrations": "unknown"}
    assert ready.json() == {"status": "not ready", "checks": checks}
    assert [line["message"] for line in logged("shop.health")] == [
        "Not ready: the database is out of reach: could not connect to server db.internal: user shop, no such thing"
        " (OperationalError)"
    ]


def test_code_that_is_ahead_of_its_database_is_not_ready_until_that_has_followed(client, logged):
    newest = MigrationRecorder(connection).migration_qs.filter(app="products").latest("name")
    newest.delete()

    before = client.get("/health/ready")
    MigrationRecorder(connection).record_applied("products", newest.name)
    after = client.get("/health/ready")

    [line] = logged("shop.health")
    assert (before.status_code, before.json()["checks"]) == (503, READY | {"migrations": "not applied"})
    assert line["message"] == "Not ready: Migrations are not applied; run manage.py migrate."
    assert (after.status_code, after.json()["checks"]) == (200, READY)


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_database_that_only_reads_is_not_ready_until_it_writes_again(client, logged):
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        before = client.get("/health/ready")
        cursor.execute("SET default_transaction_read_only = off")
    after = client.get("/health/ready")

    [line] = logged("shop.health")
    assert (before.status_code, before.json()["checks"]) == (503, READY | {"database": "read-only"})
    assert line["message"].startswith("Not ready: The database only reads: default_transaction_read_only is on")
    assert (after.status_code, after.json()["checks"]) == (200, READY)


ASK = """
from django.conf import settings
from django.test import Client
settings.ALLOWED_HOSTS = ["testserver"]
print(Client().get("/health/ready").content.decode())
"""
READ_ONLY_MOUNT = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'


def test_a_file_of_sqlite_that_may_not_be_written_to_is_not_ready(tmp_path):
    file = tmp_path / "shop.sqlite3"
    environment = {"DATABASE_URL": f"sqlite:///{file}", "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
    command = [*manage, "shell", "--verbosity", "0", "--command", ASK]
    if os.getuid() == 0:  # who may write to every file, but not on a disk that is read-only
        if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
            pytest.skip("root without the right to mount cannot be refused a file")
        command = ["unshare", "-m", "sh", "-c", READ_ONLY_MOUNT, "sh", str(file), *command]
    else:
        file.chmod(0o400)

    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)

    assert json.loads(process.stdout)["checks"] == READY | {"database": "read-only file"}
    assert "Not ready: The shop may not write to SQLite's file" in process.stderr


@pytest.mark.parametrize("kind", ["live", "ready"])
def test_only_looking_is_allowed(client, kind):
    head, post = client.head(f"/health/{kind}"), client.post(f"/health/{kind}")

    assert (head.status_code, head.content) == (200, b"")
    assert (post.status_code, post["Allow"]) == (405, "GET, HEAD")
