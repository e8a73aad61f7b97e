"""Which responses a client may cache, and no proxy."""

import pytest
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

ASK_AGAIN, KEEP_NOTHING = "private, no-cache", "no-store"


def compile_once(answer):
    return answer.status_code, answer["Cache-Control"], {name.strip() for name in answer["Vary"].split(",")}


def test_responses_to_get_are_cached_privately_and_revalidated(api, alice, a_product):
    client, address = api(alice), f"/api/products/{a_product().pk}"

    first = client.get(address)
    again = client.get(address, HTTP_IF_NONE_MATCH=first["ETag"])
    answers = [first, again, client.head(address), client.get("/api/products"), client.get("/api/orders")]

    varies = {"Authorization", "Accept"}
    assert [compile_once(answer) for answer in answers] == [
        (200, ASK_AGAIN, varies),
        (304, ASK_AGAIN, varies),
        (200, ASK_AGAIN, varies),
        (200, ASK_AGAIN, varies),
        (200, ASK_AGAIN, varies),
    ]


def test_all_other_responses_are_not_stored(api, alice, a_product, settings):
    client, mug = api(alice), a_product(stock=1)
    credentials = {"username": "alice", "password": "correct horse"}

    answers = [
        client.post("/api/orders", {"product": mug.pk, "quantity": 1}),
        client.post("/api/orders", {"product": mug.pk, "quantity": 1}),
        client.get("/api/products/999"),
        client.get("/api/nothing"),
        client.get("/api/tokens"),
        client.delete("/api/tokens"),
        client.get("/api/products"),
        APIClient().post("/api-token-auth/", credentials | {"password": "wrong"}),
    ]

    varies = {"Authorization", "Accept"}
    assert [compile_once(answer) for answer in answers] == [
        (201, KEEP_NOTHING, varies),
        (409, KEEP_NOTHING, varies),
        (404, KEEP_NOTHING, varies),
        (404, KEEP_NOTHING, varies),
        (200, KEEP_NOTHING, varies),
        (204, KEEP_NOTHING, varies),
        (401, KEEP_NOTHING, varies),
        (401, KEEP_NOTHING, varies),
    ]


def test_a_new_token_is_not_stored(alice):
    alice.set_password("correct horse")
    alice.save()

    answer = APIClient().post("/api-token-auth/", {"username": "alice", "password": "correct horse"})

    assert compile_once(answer) == (200, KEEP_NOTHING, {"Authorization", "Accept"})


def test_the_admins_pages_are_left_alone(client):
    assert "Authorization" not in client.get("/admin/login/")["Vary"]
