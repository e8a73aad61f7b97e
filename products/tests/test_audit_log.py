"""Security events: each has its word in the log, who, from where and about what; and never a secret."""

import logging
import uuid

import pytest
from django.contrib.auth.models import User

from products.audit_log import SUSPICIOUS, SecurityEvent, digest_of_name
from products.models import ApiToken, Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(caplog):
    """The events since the test began, each as a dict of its facts; and each is as loud as it should be."""
    caplog.set_level(logging.INFO, "products.audit_log")

    def events():
        records = [record for record in caplog.records if record.name == "products.audit_log"]
        assert all((record.levelname == "WARNING") == (record.facts["event"] in SUSPICIOUS) for record in records)
        return [record.facts for record in records]

    return events


def login(client, name, password):
    return client.post("/api-token-auth", {"username": name, "password": password})


def test_a_login_and_the_token_that_it_makes(api, told):
    alice = User.objects.create_user("alice", password="right")

    login(api(), "alice", "right")

    token = ApiToken.objects.get()
    assert told() == [
        {
            "event": "login.succeeded",
            "user": alice.pk,
            "address": "127.0.0.1",
            "name_digest": digest_of_name("alice"),
        },
        {"event": "token.made", "user": alice.pk, "address": "127.0.0.1", "token": token.pk},
    ]


def test_a_login_that_fails_names_nobody_as_the_name_may_be_a_password(api, told, caplog):
    login(api(), "my-password", "alice")
    login(api(), "my-password", "alice again")

    digest = digest_of_name("my-password")
    assert (
        told()
        == [
            {"event": "login.failed", "user": None, "address": "127.0.0.1", "name_digest": digest},
        ]
        * 2
    )
    assert "my-password" not in caplog.text
    assert "alice" not in caplog.text


def test_a_lockout(api, told, settings):
    settings.LOGINS_PER_NAME = 1

    for _ in range(3):
        login(api(), "alice", "wrong")

    assert [event["event"] for event in told()] == ["login.failed", "login.locked_out", "login.locked_out"]


def test_names_that_look_alike_have_digests_of_their_own():
    digests = {digest_of_name(name) for name in ("alice", "Alice", "", "\ud800", "line\nbreak")}

    assert len(digests) == 5
    assert all(len(digest) == 16 for digest in digests)


def test_tokens_that_are_revoked_one_by_one_and_all_at_once(api, alice, told):
    other, _ = ApiToken.objects.issue(alice)
    client = api(alice)
    in_use = ApiToken.objects.latest("pk")

    client.delete(f"/api/tokens/{other.pk}")
    client.delete("/api-token-auth")
    api(alice).delete("/api/tokens")

    whom = {"user": alice.pk, "address": "127.0.0.1"}
    assert told() == [
        {"event": "token.revoked", **whom, "token": other.pk},
        {"event": "token.revoked", **whom, "token": in_use.pk},
        {"event": "token.all_revoked", **whom, "number": 1},
    ]


@pytest.mark.parametrize("path", ["", "/events", "/cancel"])
def test_somebody_elses_order_is_not_there_and_the_log_says_who_asked(api, alice, bob, a_product, told, path):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])
    client = api(bob)

    ask = client.post if path == "/cancel" else client.get
    answers = [ask(f"/api/orders/{pk}{path}") for pk in (order.pk, uuid.uuid4())]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert told() == [{"event": "order.foreign", "user": bob.pk, "address": "127.0.0.1", "order": order.pk}]


def test_ones_own_order_and_what_staff_may_see_is_nobodys_business(api, alice, staff, a_product, told):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])

    assert [api(user).get(f"/api/orders/{order.pk}").status_code for user in (alice, staff)] == [200, 200]
    assert told() == []


def test_a_key_that_is_used_again_for_something_else(api, alice, a_product, told, caplog):
    mug = a_product(stock=9)
    client = api(alice)

    for quantity in (1, 1, 2):
        answer = client.post("/api/orders", {"product": mug.pk, "quantity": quantity}, HTTP_IDEMPOTENCY_KEY="hush-hush")

    assert answer.status_code == 422
    assert told() == [{"event": "key.reused", "user": alice.pk, "address": "127.0.0.1"}]
    assert "hush-hush" not in caplog.text


def test_every_event_has_a_word_of_its_own():
    words = [event.value for event in SecurityEvent]

    assert len(set(words)) == len(words)
    assert all(word.replace(".", "").replace("_", "").isalpha() for word in words)
