"""What the platform's probes get."""

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

pytestmark = pytest.mark.django_db

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


def test_without_a_database_it_is_alive_but_not_ready_and_keeps_the_reason_to_itself(client):
    with connection.execute_wrapper(out_of_reach):
        live, ready = client.get("/health/live"), client.get("/health/ready")

    assert live.status_code == 200
    assert (ready.status_code, ready["Retry-After"]) == (503, "1")
    checks = {"database": "out of reach", "migrations": "unknown"}
    assert ready.json() == {"status": "not ready", "checks": checks}


def test_code_that_is_ahead_of_its_database_is_not_ready_until_that_has_followed(client):
    newest = MigrationRecorder(connection).migration_qs.filter(app="products").latest("name")
    newest.delete()

    before = client.get("/health/ready")
    MigrationRecorder(connection).record_applied("products", newest.name)
    after = client.get("/health/ready")

    assert (before.status_code, before.json()["checks"]) == (503, READY | {"migrations": "not applied"})
    assert (after.status_code, after.json()["checks"]) == (200, READY)


@pytest.mark.parametrize("kind", ["live", "ready"])
def test_only_looking_is_allowed(client, kind):
    head, post = client.head(f"/health/{kind}"), client.post(f"/health/{kind}")

    assert (head.status_code, head.content) == (200, b"")
    assert (post.status_code, post["Allow"]) == (405, "GET, HEAD")
