"""The limits of login attempts. The races are in tests_http/test_logins.py."""

import base64
import time
from unittest.mock import ANY

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate, authenticate
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from products.models import LoginCounter

pytestmark = pytest.mark.django_db

HORSE = "correct horse"


@pytest.fixture(autouse=True)
def limits(settings):
    settings.LOGINS_PER_NAME = 3
    settings.LOGINS_PER_ADDRESS = 100
    return settings


@pytest.fixture(autouse=True)
def with_password(alice):
    alice.set_password(HORSE)
    alice.save()
    return alice


def log_in(name="alice", password=HORSE, **extra):
    return APIClient().post("/api-token-auth/", {"username": name, "password": password}, **extra)


def statuses(*answers):
    return [answer.status_code for answer in answers]


def end_all_windows():
    LoginCounter.objects.update(ends_at=int(time.time()) - 1)


def test_after_three_wrong_passwords_the_right_one_is_not_looked_at_either():
    wrong = [log_in(password="wrong") for _ in range(3)]

    answer = log_in()

    assert statuses(*wrong) == [401, 401, 401]
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 900
    assert answer.json() == {
        "type": "urn:shop:problem:too_many_logins",
        "title": "Too many logins",
        "status": 429,
        "detail": "Too many tries to log in. Try again in 15 minutes.",
        "code": "too_many_logins",
        "request_id": ANY,
        "errors": [],
    }
    assert answer["Cache-Control"] == "no-store"


def test_when_the_window_is_over_counting_begins_anew():
    for _ in range(4):
        log_in(password="wrong")
    end_all_windows()

    answers = [log_in(password=password) for password in ("wrong", "wrong", "wrong", HORSE)]

    assert statuses(*answers) == [401, 401, 401, 429]


def test_tries_that_are_refused_take_no_place(settings):
    places = [LoginCounter.objects.count_attempt_by_name("alice") for _ in range(3)]
    assert [log_in().status_code for _ in range(5)] == [429] * 5

    places[0].refund_attempt()

    assert statuses(log_in(), log_in(), log_in(password="wrong")) == [200, 200, 401]
    assert log_in().status_code == 429


def test_tries_that_are_refused_do_not_make_the_window_longer():
    for _ in range(3):
        log_in(password="wrong")
    ends = set(LoginCounter.objects.values_list("scope", "ends_at"))

    log_in(password="wrong")

    assert set(LoginCounter.objects.values_list("scope", "ends_at")) == ends


def test_correct_passwords_are_not_limited_per_name():
    assert statuses(*(log_in() for _ in range(5))) == [200] * 5


def test_a_login_does_not_reset_the_count_of_wrong_passwords():
    wrong, right = {"password": "wrong"}, {}

    answers = [log_in(**how) for how in (wrong, wrong, right, wrong, wrong, right)]

    assert statuses(*answers) == [401, 401, 200, 401, 429, 429]


def test_a_name_is_counted_exactly_and_whether_or_not_it_exists():
    assert statuses(*(log_in("Alice") for _ in range(4))) == [401, 401, 401, 429]
    assert statuses(*(log_in("nobody") for _ in range(4))) == [401, 401, 401, 429]
    assert log_in("alice").status_code == 200


def test_a_body_a_form_and_http_basic_are_one_count():
    basic = {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"alice:wrong").decode()}
    form = {"content_type": "application/x-www-form-urlencoded"}

    answers = [
        log_in(password="wrong"),
        APIClient().post("/api-token-auth/", "username=alice&password=wrong", **form),
        APIClient().post("/api-token-auth/", **basic),
        log_in(),
    ]

    assert statuses(*answers) == [401, 401, 401, 429]


def test_an_address_counts_right_passwords_too(settings):
    settings.LOGINS_PER_ADDRESS = 3

    answers = [log_in("alice"), log_in("bob"), log_in("carol"), log_in("dave")]
    elsewhere = log_in("alice", REMOTE_ADDR="192.0.2.1")

    assert statuses(*answers, elsewhere) == [200, 401, 401, 429, 200]


def test_attempts_from_a_blocked_address_do_not_count_for_the_name(settings):
    settings.LOGINS_PER_ADDRESS = 1

    for _ in range(5):
        log_in(password="wrong", REMOTE_ADDR="192.0.2.1")

    assert log_in().status_code == 200


def test_nothing_is_counted_where_there_is_no_limit(settings):
    settings.LOGINS_PER_NAME = settings.LOGINS_PER_ADDRESS = 0

    assert statuses(*(log_in(password="wrong") for _ in range(20))) == [401] * 20
    assert LoginCounter.objects.count() == 0


def test_malformed_credentials_are_not_counted():
    answers = [log_in(name=""), log_in(name=7), APIClient().post("/api-token-auth/", HTTP_AUTHORIZATION="Basic x")]

    assert statuses(*answers) == [400, 400, 401]
    assert LoginCounter.objects.count() == 0


def test_neither_names_nor_addresses_are_stored():
    log_in(password="wrong", REMOTE_ADDR="192.0.2.1")

    kept = " ".join(LoginCounter.objects.values_list("scope", flat=True))

    assert len(kept) == 64 + 1 + 64
    assert [word for word in ("alice", "192.0.2.1") if word in kept] == []


def test_a_try_is_counted_by_one_statement_for_each_counter_before_anything_else(django_assert_num_queries):
    def verbs(number):
        with django_assert_num_queries(number) as queries:
            log_in("nobody", "x")
        return [query["sql"].split()[0] for query in queries.captured_queries]

    assert [verbs(3) for _ in range(3)] == [["INSERT", "INSERT", "SELECT"]] * 3  # the address, the name, the user
    assert verbs(2) == ["INSERT", "INSERT"]  # and the password of nobody is looked at


def test_the_admin_login_says_that_attempts_are_limited(client, with_password):
    with_password.is_staff = True
    with_password.save()
    for _ in range(3):
        log_in(password="wrong")

    page = client.post("/admin/login/", {"username": "alice", "password": HORSE})

    assert page.context["form"].non_field_errors() == ["Too many tries to log in. Try again in 15 minutes."]
    end_all_windows()
    assert client.post("/admin/login/", {"username": "alice", "password": HORSE, "next": "/admin/"}).status_code == 302


def test_a_password_can_be_checked_without_a_request_and_is_counted():
    assert authenticate(username="alice", password=HORSE).username == "alice"
    assert [authenticate(username="alice", password="wrong") for _ in range(3)] == [None] * 3

    with pytest.raises(ValidationError, match="Too many tries to log in"):
        authenticate(username="alice", password=HORSE)
    assert authenticate(username="alice") is None


@pytest.mark.django_db(transaction=True)
def test_asynchronous_authentication_is_limited_too():
    tries = [async_to_sync(aauthenticate)(username="alice", password="wrong") for _ in range(3)]

    assert tries == [None] * 3
    with pytest.raises(ValidationError, match="Too many tries to log in"):
        async_to_sync(aauthenticate)(username="alice", password=HORSE)


def test_a_try_is_given_back_to_the_window_it_was_counted_in_only():
    first = LoginCounter.objects.count_attempt_by_name("alice")
    LoginCounter.objects.update(ends_at=1)
    LoginCounter.objects.count_attempt_by_name("alice")

    first.ends_at = 1
    first.refund_attempt()

    assert LoginCounter.objects.get().tries == 1


def test_a_counter_shows_what_it_counts_in_the_shell():
    counter = LoginCounter(scope="0123456789abcdef", tries=3)

    assert str(counter) == "01234567…: 3"
