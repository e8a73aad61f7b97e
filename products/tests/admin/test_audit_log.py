"""The security events of the admin."""

import logging
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from products.audit_log import digest_of_name
from products.models import ApiToken

TOKENS = "/admin/products/apitoken/"


@pytest.fixture
def recorded(caplog):
    caplog.set_level(logging.INFO, "products.audit_log")
    return lambda: [record.facts for record in caplog.records if record.name == "products.audit_log"]


def log_in(client, name, password="right"):
    return client.post("/admin/login/?next=/admin/", {"username": name, "password": password})


def test_a_staff_login_is_recorded(client, db, recorded):
    clerk = User.objects.create_user("clerk", password="right", is_staff=True)

    log_in(client, "clerk")

    whom = {"user": clerk.pk, "address": "127.0.0.1"}
    assert recorded() == [
        {"event": "login.succeeded", **whom, "name_digest": digest_of_name("clerk")},
        {"event": "admin.entered", **whom},
    ]


def test_a_customer_who_logs_in_to_the_admin_is_recorded(client, db, recorded):
    alice = User.objects.create_user("alice", password="right")

    log_in(client, "alice")
    log_in(client, "alice", "wrong")

    assert [(event["event"], event["user"]) for event in recorded()] == [
        ("login.succeeded", alice.pk),
        ("admin.refused", alice.pk),
        ("login.failed", None),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_token_that_staff_issue_is_recorded_without_its_secret(client_of, alice, recorded, messages_of):
    root = User.objects.create_superuser("root")
    moment = timezone.now() + timedelta(days=3)
    form = {
        "user": alice.pk,
        "name": "Till",
        "expires_at_0": f"{moment:%Y-%m-%d}",
        "expires_at_1": f"{moment:%H:%M:%S}",
    }

    answer = client_of(root).post(f"{TOKENS}add/", form)

    token = ApiToken.objects.get()
    assert recorded() == [
        {"event": "token.made", "user": root.pk, "address": "127.0.0.1", "token": token.pk, "owner": alice.pk}
    ]
    secret = re.search(r"The token is (\S+)\. ", messages_of(answer)[0])[1]
    assert secret not in str(recorded())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["revoke", "delete some", "delete one"])
def test_a_token_that_staff_revoke_or_delete_is_recorded(client_of, alice, recorded, way):
    root = User.objects.create_superuser("root")
    token, _ = ApiToken.objects.issue(alice)
    actions = {"revoke": "revoke_selected", "delete some": "delete_selected"}

    if way in actions:
        client_of(root).post(TOKENS, {"action": actions[way], "_selected_action": token.pk, "post": "yes"})
    else:
        client_of(root).post(f"{TOKENS}{token.pk}/delete/", {"post": "yes"})

    assert not ApiToken.objects.active().exists()
    assert recorded() == [
        {
            "event": "token.revoked_by_staff",
            "user": root.pk,
            "address": "127.0.0.1",
            "token": token.pk,
            "owner": alice.pk,
        }
    ]


@pytest.mark.django_db(transaction=True)
def test_accounts_that_are_made_closed_and_opened_in_the_admin_are_recorded(client_of, recorded):
    root = User.objects.create_superuser("root")
    browser, whom = client_of(root), {"user": root.pk, "address": "127.0.0.1"}
    passwords = {"password1": "correct horse battery", "password2": "correct horse battery", "usable_password": "true"}
    moment = {"date_joined_0": "2026-01-31", "date_joined_1": "12:00:00"}

    browser.post("/admin/auth/user/add/", {"username": "carol", **passwords})
    carol = User.objects.get(username="carol")
    token, _ = ApiToken.objects.issue(carol)
    for fields in ({"first_name": "Carol", "is_active": "on"}, {"is_active": ""}, {"is_active": "on"}):
        browser.post(f"/admin/auth/user/{carol.pk}/change/", {"username": "carol", **moment, **fields})

    carol.refresh_from_db()
    token.refresh_from_db()
    assert carol.is_active
    assert not token.is_active()
    assert recorded() == [
        {"event": f"account.{what}", **whom, "account": carol.pk} for what in ("made", "closed", "opened")
    ]
