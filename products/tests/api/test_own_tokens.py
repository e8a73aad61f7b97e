"""A user's own tokens: their list, revocation and last use."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from products.models import ApiToken

pytestmark = pytest.mark.django_db


def showing(secret):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def laptop(alice):
    """Alice's laptop: (token, secret)."""
    return ApiToken.objects.issue(alice, name="laptop")


@pytest.fixture
def phone(alice):
    return ApiToken.objects.issue(alice, name="phone")


def test_a_customer_sees_the_own_tokens_and_which_one_is_in_use(laptop, phone, bob):
    token, secret = laptop
    ApiToken.objects.issue(bob)

    answer = showing(secret).get("/api/tokens")

    assert answer.status_code == 200
    assert [each["name"] for each in answer.json()["results"]] == ["phone", "laptop"]
    assert answer.json()["results"][1] == {
        "id": token.pk,
        "name": "laptop",
        "begins_with": secret[:11],
        "created_at": token.created_at.isoformat().replace("+00:00", "Z"),
        "expires_at": token.expires_at.isoformat().replace("+00:00", "Z"),
        "revoked_at": None,
        "last_used_on": None,
        "alive": True,
        "current": True,
    }
    assert answer.json()["results"][0]["current"] is False
    assert answer["Cache-Control"] == "no-store"


def test_tokens_that_are_dead_are_listed_on_request_only(alice, laptop):
    revoked, _ = ApiToken.objects.issue(alice, name="revoked")
    revoked.revoke()
    ApiToken.objects.issue(alice, name="expired", lifetime=timedelta(seconds=-1))
    old_password, _ = ApiToken.objects.issue(alice, name="old password")
    ApiToken.objects.filter(pk=old_password.pk).update(password_digest="another")
    client = showing(laptop[1])

    alive, every = client.get("/api/tokens").json(), client.get("/api/tokens?all=true").json()

    assert [each["name"] for each in alive["results"]] == ["laptop"]
    assert {each["name"]: each["alive"] for each in every["results"]} == {
        "old password": False,
        "expired": False,
        "revoked": False,
        "laptop": True,
    }


def test_many_tokens_come_in_pages(alice, laptop):
    for number in range(4):
        ApiToken.objects.issue(alice, name=f"job {number}")
    client, names, address = showing(laptop[1]), [], "/api/tokens?limit=2"

    while address:
        page = client.get(address).json()
        names.append([each["name"] for each in page["results"]])
        address = page["next"]

    assert names == [["job 3", "job 2"], ["job 1", "job 0"], ["laptop"]]


@pytest.mark.parametrize("query", ["all=yes", "all=", "dead=true", "limit=0", "cursor=x"])
def test_a_query_that_is_not_understood_is_refused(laptop, query):
    assert showing(laptop[1]).get(f"/api/tokens?{query}").status_code == 400


def test_the_list_costs_the_same_for_one_token_and_for_twenty(alice, laptop, api, django_assert_num_queries):
    client = api(alice)

    with django_assert_num_queries(2):  # the token in use, the tokens
        client.get("/api/tokens")
    for _ in range(18):
        ApiToken.objects.issue(alice)
    with django_assert_num_queries(2):
        client.get("/api/tokens")


def test_revoking_a_token_kills_it_and_no_other(laptop, phone):
    client = showing(laptop[1])

    answers = [client.delete(f"/api/tokens/{phone[0].pk}") for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b""), (204, b"")]
    assert showing(phone[1]).get("/api/orders").status_code == 401
    assert client.get("/api/orders").status_code == 200


def test_another_users_token_is_not_found(laptop, bob):
    token, secret = ApiToken.objects.issue(bob)

    pks = (token.pk, token.pk + 1, 2**63, "9" * 5_000)
    answers = [showing(laptop[1]).delete(f"/api/tokens/{pk}") for pk in pks]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404]
    assert showing(secret).get("/api/orders").status_code == 200


def test_revoking_all_revokes_the_token_in_use_and_no_other_users(laptop, phone, bob, api):
    other = api(bob)

    answer = showing(laptop[1]).delete("/api/tokens")

    assert (answer.status_code, answer.content) == (204, b"")
    assert [showing(secret).get("/api/tokens").status_code for _, secret in (laptop, phone)] == [401, 401]
    assert other.get("/api/tokens").status_code == 200


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("delete", ""), ("delete", "/1")])
def test_without_a_token_there_is_nothing_to_see_or_revoke(db, method, path):
    assert getattr(APIClient(), method)(f"/api/tokens{path}").status_code == 401


def test_the_day_of_the_last_use_is_shown(laptop):
    client = showing(laptop[1])
    client.get("/api/products")

    [token] = client.get("/api/tokens").json()["results"]

    assert token["last_used_on"] == timezone.now().date().isoformat()


def test_a_use_is_written_down_once_a_day(laptop):
    _, secret = laptop

    def writes():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert showing(secret).get("/api/products").status_code == 200
        return [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]

    assert (len(writes()), len(writes())) == (1, 0)

    ApiToken.objects.update(last_used_on=timezone.now().date() - timedelta(days=1))
    assert (len(writes()), len(writes())) == (1, 0)


def test_of_many_first_uses_of_a_day_one_is_written_down(laptop):
    same = [ApiToken.objects.get(pk=laptop[0].pk) for _ in range(3)]
    yesterday = timezone.now().date() - timedelta(days=1)

    for token in same:
        token.touch()
    ApiToken.objects.update(last_used_on=yesterday)
    same[0].touch()

    assert ApiToken.objects.get().last_used_on == timezone.now().date()


def refuse_to_write(execute, sql, params, many, context):
    if sql.startswith("UPDATE"):
        return execute("SELECT * FROM a_table_that_is_not_there", None, many, context)
    return execute(sql, params, many, context)


def test_a_database_that_cannot_be_written_to_fails_no_request(laptop):
    _, secret = laptop

    with connection.execute_wrapper(refuse_to_write):
        answer = showing(secret).get("/api/products")

    assert answer.status_code == 200
    assert ApiToken.objects.get().last_used_on is None


def test_a_refused_token_is_not_used(laptop):
    token, secret = laptop
    token.revoke()

    assert showing(secret).get("/api/products").status_code == 401

    assert ApiToken.objects.get().last_used_on is None
