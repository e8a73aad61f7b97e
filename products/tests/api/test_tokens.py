"""Exchanging credentials for a token, and using it."""

import base64
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

from products.models import ApiToken
from products.tests.statements import verbs

pytestmark = pytest.mark.django_db


@pytest.fixture
def with_password(alice):
    alice.set_password("correct horse")
    alice.save()
    return alice


def basic(username: str, password: str) -> dict[str, str]:
    coded = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"HTTP_AUTHORIZATION": f"Basic {coded}"}


def bearer(secret: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"{scheme} {secret}"}


def test_a_json_body_a_form_and_http_basic_all_get_a_token(with_password):
    client, credentials = APIClient(), {"username": "alice", "password": "correct horse"}

    answers = [
        client.post("/api-token-auth/", credentials),
        client.post(
            "/api-token-auth",
            "username=alice&password=correct+horse",
            content_type="application/x-www-form-urlencoded",
        ),
        client.post("/api-token-auth/", **basic("alice", "correct horse")),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    secrets = [answer.json()["token"] for answer in answers]
    assert len(set(secrets)) == 3
    assert [client.get("/api/products", **bearer(secret)).status_code for secret in secrets] == [200, 200, 200]


def test_the_response_has_the_expiry_of_the_token(with_password, settings):
    settings.TOKEN_LIFETIME = timedelta(days=3)

    answer = APIClient().post("/api-token-auth/", {"username": "alice", "password": "correct horse"})

    assert set(answer.json()) == {"token", "expires_at"}
    left = parse_datetime(answer.json()["expires_at"]) - timezone.now()
    assert timedelta(days=2, hours=23) < left <= timedelta(days=3)


def test_the_secret_is_not_stored(with_password):
    secret = APIClient().post("/api-token-auth/", {"username": "alice", "password": "correct horse"}).json()["token"]

    row = ApiToken.objects.values().get()

    assert secret.startswith("shop_")
    assert len(secret) == len("shop_") + 43  # 256 bits
    assert not [value for value in row.values() if isinstance(value, str) and secret[12:] in value]


@pytest.mark.parametrize(
    "body",
    [
        {"username": "alice", "password": "wrong"},
        {"username": "nobody", "password": "correct horse"},
        {"username": "alice", "password": "correct horse "},
    ],
)
def test_wrong_credentials_are_a_401_that_does_not_say_which_one(with_password, body):
    answer = APIClient().post("/api-token-auth/", body)

    assert answer.status_code == 401
    assert answer.json()["code"] == "wrong_credentials"
    assert answer["WWW-Authenticate"] == 'Bearer realm="shop"'


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic YWxpY2U=", "Basic /////w=="])
def test_a_basic_header_that_is_none_is_a_401(with_password, header):
    assert APIClient().post("/api-token-auth/", HTTP_AUTHORIZATION=header).status_code == 401


BASIC_CHALLENGE = 'Basic realm="shop", charset="UTF-8"'


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"data": "", "content_type": "application/json"},
        {"data": "", "content_type": "application/x-www-form-urlencoded"},
        {"data": "{}", "content_type": "application/json"},
        {"HTTP_AUTHORIZATION": ""},
        {"HTTP_AUTHORIZATION": "Bearer shop_x"},
    ],
    ids=["nothing", "no JSON", "an empty form", "an empty object", "an empty header", "a token"],
)
def test_without_credentials_the_answer_asks_for_them(db, request_):
    answer = APIClient().post("/api-token-auth/", **request_)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"] == BASIC_CHALLENGE


@pytest.mark.parametrize(
    "header",
    [
        "Basic " + base64.b64encode("zo\u00eb:correct horse".encode("latin-1")).decode(),
        "Basic " + base64.b64encode("zo\u00eb:wrong".encode()).decode(),
        "basic !!!",
        "Basic",
    ],
    ids=["Latin-1", "a wrong password", "no Base64", "nothing"],
)
def test_basic_that_is_refused_is_asked_for_in_utf_8(db, header):
    answer = APIClient().post("/api-token-auth/", HTTP_AUTHORIZATION=header)

    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")
    assert answer["WWW-Authenticate"] == BASIC_CHALLENGE


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"username": "alice"}, ["/password"]),
        ({"password": "x"}, ["/username"]),
        ({"name": "till 3"}, ["/username", "/password"]),
        ({"username": "", "password": ""}, ["/username", "/password"]),
    ],
)
def test_a_body_that_lacks_a_field_is_invalid(db, body, pointers):
    answer = APIClient().post("/api-token-auth/", body)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


@pytest.mark.parametrize("body", ["{", "[]", "null", '"x"', "0"])
def test_a_body_that_is_no_object_is_malformed_and_not_a_request_without_credentials(db, body):
    answer = APIClient().post("/api-token-auth/", body, content_type="application/json")

    assert answer.status_code == 400
    assert "WWW-Authenticate" not in answer


def test_revoking_is_answered_with_the_challenge_for_tokens(db):
    answer = APIClient().delete("/api-token-auth/")

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="shop"')


def test_missing_credentials_are_named(db):
    answer = APIClient().post("/api-token-auth/", {"username": 7, "user": "x"})

    assert answer.status_code == 400
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
        ("/username", "invalid"),
        ("/password", "required"),
        ("/user", "unknown"),
    ]


def test_deleting_gives_up_the_token_in_use_and_no_other(alice, api):
    first, second = api(alice), api(alice)

    answer = first.delete("/api-token-auth/")

    assert (answer.status_code, answer.content) == (204, b"")
    assert first.get("/api/products").status_code == 401
    assert second.get("/api/products").status_code == 200


def test_revoking_a_token_needs_a_token(db):
    assert APIClient().delete("/api-token-auth/").status_code == 401


@pytest.mark.parametrize(
    "end",
    [
        lambda user, token: token.revoke(),
        lambda user, token: type(user).objects.update(is_active=False),
        lambda user, token: ApiToken.objects.update(expires_at=timezone.now()),
        lambda user, token: (user.set_password("another"), user.save()),
        lambda user, token: user.delete(),
    ],
    ids=["revoked", "user deactivated", "expired", "password changed", "user deleted"],
)
def test_a_token_dies_at_once(alice, end):
    token, secret = ApiToken.objects.issue(alice)
    assert APIClient().get("/api/products", **bearer(secret)).status_code == 200

    end(alice, token)

    answer = APIClient().get("/api/products", **bearer(secret))
    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_token"
    assert answer["WWW-Authenticate"] == 'Bearer realm="shop", error="invalid_token"'


def test_the_scheme_may_be_written_as_token_too(alice):
    _, secret = ApiToken.objects.issue(alice)

    answers = [APIClient().get("/api/orders", **bearer(secret, scheme)) for scheme in ("Bearer", "bearer", "Token")]

    assert [answer.status_code for answer in answers] == [200, 200, 200]


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer a b", "Digest x", "shop_x", "Bearer " + "x" * 5_000, "Bearer \xff", "Basic YTpi"],
)
def test_a_header_that_shows_no_token_is_a_401(db, header):
    assert APIClient().get("/api/products", HTTP_AUTHORIZATION=header).status_code == 401


def test_looking_a_token_up_is_one_query_and_writes_nothing(alice, django_assert_num_queries):
    _, secret = ApiToken.objects.issue(alice)

    with django_assert_num_queries(1) as captured:
        ApiToken.objects.find(secret)

    assert verbs(captured.captured_queries) == ["SELECT"]
