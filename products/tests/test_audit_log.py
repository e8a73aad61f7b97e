"""Security events are logged with their name, user, address and facts, and without secrets."""

import logging
import uuid

import pytest
from django.contrib.auth.models import User

from products.audit_log import SUSPICIOUS, SecurityEvent, digest_of_name
from products.models import ApiToken, Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def recorded(caplog):
    """Return the events recorded since the test began, each as a dict, and check their log levels."""
    caplog.set_level(logging.INFO, "products.audit_log")

    def events():
        records = [record for record in caplog.records if record.name == "products.audit_log"]
        assert all((record.levelname == "WARNING") == (record.facts["event"] in SUSPICIOUS) for record in records)
        return [record.facts for record in records]

    return events


def login(client, name, password):
    return client.post("/api-token-auth", {"username": name, "password": password})


def test_a_login_and_the_token_it_issues_are_recorded(api, recorded):
    alice = User.objects.create_user("alice", password="right")

    login(api(), "alice", "right")

    token = ApiToken.objects.get()
    assert recorded() == [
        {
            "event": "login.succeeded",
            "user": alice.pk,
            "address": "127.0.0.1",
            "name_digest": digest_of_name("alice"),
        },
        {"event": "token.made", "user": alice.pk, "address": "127.0.0.1", "token": token.pk},
    ]


def test_a_failed_login_is_recorded_without_the_name_which_may_be_a_password(api, recorded, caplog):
    login(api(), "my-password", "alice")
    login(api(), "my-password", "alice again")

    digest = digest_of_name("my-password")
    assert (
        recorded()
        == [
            {"event": "login.failed", "user": None, "address": "127.0.0.1", "name_digest": digest},
        ]
        * 2
    )
    assert "my-password" not in caplog.text
    assert "alice" not in caplog.text


def test_a_lockout_is_recorded(api, recorded, settings):
    settings.LOGINS_PER_NAME = 1

    for _ in range(3):
        login(api(), "alice", "wrong")

    assert [event["event"] for event in recorded()] == ["login.failed", "login.locked_out", "login.locked_out"]


def test_similar_names_have_different_digests():
    digests = {digest_of_name(name) for name in ("alice", "Alice", "", "\ud800", "line\nbreak")}

    assert len(digests) == 5
    assert all(len(digest) == 16 for digest in digests)


def test_revoking_one_token_or_all_is_recorded(api, alice, recorded):
    other, _ = ApiToken.objects.issue(alice)
    client = api(alice)
    in_use = ApiToken.objects.latest("pk")

    client.delete(f"/api/tokens/{other.pk}")
    client.delete("/api-token-auth")
    api(alice).delete("/api/tokens")

    whom = {"user": alice.pk, "address": "127.0.0.1"}
    assert recorded() == [
        {"event": "token.revoked", **whom, "token": other.pk},
        {"event": "token.revoked", **whom, "token": in_use.pk},
        {"event": "token.all_revoked", **whom, "number": 1},
    ]


@pytest.mark.parametrize("path", ["", "/events", "/cancel"])
def test_requesting_another_customers_order_is_a_404_and_recorded(api, alice, bob, a_product, recorded, path):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])
    client = api(bob)

    ask = client.post if path == "/cancel" else client.get
    answers = [ask(f"/api/orders/{pk}{path}") for pk in (order.pk, uuid.uuid4())]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert recorded() == [{"event": "order.foreign", "user": bob.pk, "address": "127.0.0.1", "order": order.pk}]


def test_permitted_access_to_an_order_is_not_recorded(api, alice, staff, a_product, recorded):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])

    assert [api(user).get(f"/api/orders/{order.pk}").status_code for user in (alice, staff)] == [200, 200]
    assert recorded() == []


def test_reusing_an_idempotency_key_for_another_request_is_recorded(api, alice, a_product, recorded, caplog):
    mug = a_product(stock=9)
    client = api(alice)

    for quantity in (1, 1, 2):
        answer = client.post("/api/orders", {"product": mug.pk, "quantity": quantity}, HTTP_IDEMPOTENCY_KEY="hush-hush")

    assert answer.status_code == 422
    assert recorded() == [{"event": "key.reused", "user": alice.pk, "address": "127.0.0.1"}]
    assert "hush-hush" not in caplog.text


def test_making_closing_and_opening_an_account_is_recorded(api, recorded):
    root = User.objects.create_superuser("root")
    client, whom = api(root), {"user": root.pk, "address": "127.0.0.1"}

    carol = client.post("/api/customers", {"username": "carol"}, format="json").json()["id"]
    for change in ({"is_active": False}, {"is_active": False}, {"first_name": "Carol"}, {"is_active": True}):
        client.patch(f"/api/customers/{carol}", change, format="json")
    client.post("/api/customers", {"username": "carol"}, format="json")

    assert recorded() == [
        {"event": "account.made", **whom, "account": carol},
        {"event": "account.closed", **whom, "account": carol},
        {"event": "account.opened", **whom, "account": carol},
    ]


def test_every_event_has_a_name_of_its_own():
    names = [event.value for event in SecurityEvent]

    assert len(set(names)) == len(names)
    assert all(name.replace(".", "").replace("_", "").isalpha() for name in names)
