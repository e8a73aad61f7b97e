"""What lives on when a secret is replaced, and what does not: docs/operations/rotation.md."""

import re
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from django.conf import settings as project
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.checks import run_checks
from django.db import connection
from rest_framework.test import APIClient

from products.models import ApiToken
from products.tests.postgres import PostgresServer
from products.tests.side_by_side import on_postgresql

pytestmark = pytest.mark.django_db

PAGE = Path(project.BASE_DIR, "docs", "operations", "rotation.md").read_text(encoding="utf-8")
OLD, NEW = "the old key " * 5, "the new key " * 5


@pytest.fixture
def key_is(settings):
    def use(key, *fallbacks):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, list(fallbacks)

    use(OLD)
    return use


def test_a_page_follows_one_that_was_made_before_the_rotation(api, alice, a_product, key_is):
    mug, lamp = a_product(), a_product()
    client = api(alice)
    first = client.get("/api/products?limit=1").json()

    key_is(NEW, OLD)
    second = client.get(first["next"])

    assert [product["id"] for product in first["results"] + second.json()["results"]] == [mug.pk, lamp.pk]


def test_a_page_follows_one_that_a_server_with_the_next_key_made(api, alice, a_product, key_is):
    mug, lamp = a_product(), a_product()
    client = api(alice)
    key_is(NEW, OLD)
    first = client.get("/api/products?limit=1").json()

    key_is(OLD, NEW)
    second = client.get(first["next"])

    assert [product["id"] for product in first["results"] + second.json()["results"]] == [mug.pk, lamp.pk]


def test_a_cursor_is_signed_with_the_new_key_only(api, alice, a_product, key_is):
    a_product(), a_product()
    client = api(alice)
    key_is(NEW, OLD)
    first = client.get("/api/products?limit=1").json()

    key_is(NEW)
    second = client.get(first["next"])

    assert second.status_code == 200


def test_a_cursor_ends_with_its_key(api, alice, a_product, key_is):
    a_product(), a_product()
    client = api(alice)
    first = client.get("/api/products?limit=1").json()

    key_is(NEW)
    second = client.get(first["next"])

    assert (second.status_code, second.json()["errors"][0]["code"]) == (400, "invalid_cursor")


def test_staff_stay_logged_in_and_their_session_gets_the_new_key(client, staff, key_is):
    client.force_login(staff)

    key_is(NEW, OLD)
    during = client.get("/admin/")
    key_is(NEW)
    afterwards = client.get("/admin/")

    assert (during.status_code, afterwards.status_code) == (200, 200)


def test_a_session_that_did_not_come_by_ends_with_its_key(client, staff, key_is):
    client.force_login(staff)

    key_is(NEW)

    assert client.get("/admin/").status_code == 302


def test_a_link_that_resets_a_password_lives_as_long_as_its_key(alice, key_is):
    link = PasswordResetTokenGenerator().make_token(alice)

    key_is(NEW, OLD)
    during = PasswordResetTokenGenerator().check_token(alice, link)
    key_is(NEW)
    afterwards = PasswordResetTokenGenerator().check_token(alice, link)

    assert (during, afterwards) == (True, False)


def test_tokens_of_the_api_do_not_depend_on_the_key(alice, key_is):
    _, secret = ApiToken.objects.issue(alice)

    key_is(NEW)

    assert APIClient().get("/api/orders", HTTP_AUTHORIZATION=f"Bearer {secret}").status_code == 200


def test_the_next_token_of_a_client_works_beside_the_one_that_it_replaces(alice):
    (_, first), (_, second) = ApiToken.objects.issue(alice), ApiToken.objects.issue(alice)

    revoked = APIClient().delete("/api-token-auth/", HTTP_AUTHORIZATION=f"Bearer {first}")
    answers = [APIClient().get("/api/orders", HTTP_AUTHORIZATION=f"Bearer {secret}") for secret in (first, second)]

    assert revoked.status_code == 204
    assert [answer.status_code for answer in answers] == [401, 200]


# The database's password


def statements(heading):
    """Return the SQL statements below a heading of the page."""
    [block] = re.findall(rf"^### {heading}\n.*?```sql\n(.*?)```", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [line for line in block.splitlines() if line and not line.startswith("--")]


@on_postgresql
def test_a_second_role_may_all_that_the_first_one_may():
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE shop_tables")
        cursor.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO shop_tables")
        for statement in statements("Two roles"):
            cursor.execute(statement)
        cursor.execute("SET LOCAL ROLE shop_b")

        assert run_checks(databases=["default"]) == []


@on_postgresql
def test_a_new_password_ends_no_connection_and_is_asked_for_by_the_next():
    with PostgresServer(tcp=True) as server, closing(psycopg2.connect(server.url)) as kept:
        kept.autocommit = True
        [statement] = statements("One role")
        new = re.search("PASSWORD '(.*)'", statement)[1]

        with kept.cursor() as cursor:
            cursor.execute(statement)
            cursor.execute("SELECT 1")
            answer = cursor.fetchone()

        assert answer == (1,)
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(server.url)
        psycopg2.connect(server.url.replace(server.password, new)).close()
