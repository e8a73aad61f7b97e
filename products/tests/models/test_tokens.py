"""API tokens: the bearer credentials of HTTP clients."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from products.db.compiled_queries import CompiledQuery
from products.models import ApiToken, Product

pytestmark = pytest.mark.django_db


@pytest.fixture
def carol(db):
    return User.objects.create_user("carol", password="correct horse")


def test_a_token_is_found_by_its_secret_with_its_user_in_one_query(carol, django_assert_num_queries):
    token, secret = ApiToken.objects.issue(carol, name="till 7")

    with django_assert_num_queries(1):
        found = ApiToken.objects.find(secret)
        assert (found, found.user, found.user.username, found.user.is_staff) == (token, carol, "carol", False)

    assert found.name == "till 7"  # deferred


def test_a_secret_is_256_random_bits_behind_a_prefix(carol):
    secrets = {ApiToken.objects.issue(carol)[1] for _ in range(10)}

    assert len(secrets) == 10
    assert all(re.fullmatch(r"shop_[A-Za-z0-9_-]{43}", secret) for secret in secrets)


def test_only_the_prefix_of_the_secret_is_stored(carol):
    token, secret = ApiToken.objects.issue(carol)

    written = [str(value) for value in ApiToken.objects.values_list().get()]

    assert secret[5:] not in " ".join(written)
    assert (token.prefix, str(token)) == (secret[:11], f"{secret[:11]}…")


def test_the_lifetime_defaults_to_the_setting(carol, settings):
    settings.TOKEN_LIFETIME = timedelta(days=3)
    now = timezone.now()

    usual, _ = ApiToken.objects.issue(carol)
    short, _ = ApiToken.objects.issue(carol, lifetime=timedelta(minutes=1))

    assert timedelta(days=3) <= usual.expires_at - now < timedelta(days=3, minutes=1)
    assert timedelta(minutes=1) <= short.expires_at - now < timedelta(minutes=2)


def test_a_user_has_several_tokens(carol):
    issued = [ApiToken.objects.issue(carol) for _ in range(2)]

    assert [ApiToken.objects.find(secret) for _, secret in issued] == [token for token, _ in issued]


@pytest.mark.parametrize("secret", ["", "shop_", "shop_" + "x" * 43, "shop_\0", "shop_\ud800", "é" * 10_000])
def test_a_secret_that_was_never_issued_finds_nothing(carol, secret):
    ApiToken.objects.issue(carol)

    assert ApiToken.objects.find(secret) is None


def test_the_digest_does_not_authenticate(carol):
    token, _ = ApiToken.objects.issue(carol)

    assert ApiToken.objects.find(token.digest) is None


def test_an_expired_token_is_inactive(carol):
    _, secret = ApiToken.objects.issue(carol, lifetime=timedelta(seconds=-1))

    assert ApiToken.objects.find(secret) is None


def test_revoking_a_token_leaves_the_others_active(carol):
    token, secret = ApiToken.objects.issue(carol)
    other, other_secret = ApiToken.objects.issue(carol)

    token.revoke()

    assert ApiToken.objects.find(secret) is None
    assert ApiToken.objects.find(other_secret) == other
    assert token.revoked_at is not None


def test_revoking_twice_keeps_the_first_moment(carol):
    token, _ = ApiToken.objects.issue(carol)
    token.revoke()
    first = token.revoked_at

    token.revoke()

    assert token.revoked_at == first
    assert ApiToken.objects.revoke() == 0


def test_every_token_of_a_user_can_be_revoked_at_once(carol, alice):
    secrets = [ApiToken.objects.issue(user)[1] for user in (carol, carol, alice)]

    assert ApiToken.objects.filter(user=carol).revoke() == 2

    assert [ApiToken.objects.find(secret) is None for secret in secrets] == [True, True, False]


def test_tokens_of_a_deactivated_user_are_inactive(carol):
    _, secret = ApiToken.objects.issue(carol)

    carol.is_active = False
    carol.save()

    assert ApiToken.objects.find(secret) is None


def test_a_new_password_makes_tokens_inactive(carol):
    _, secret = ApiToken.objects.issue(carol)

    carol.set_password("battery staple")
    carol.save()

    assert ApiToken.objects.find(secret) is None
    token, new_secret = ApiToken.objects.issue(carol)
    assert ApiToken.objects.find(new_secret) == token


def test_a_login_or_a_new_user_name_leaves_tokens_active(carol, client):
    token, secret = ApiToken.objects.issue(carol)

    client.force_login(carol)
    User.objects.filter(pk=carol.pk).update(username="caroline")

    assert ApiToken.objects.find(secret) == token


def test_long_inactive_tokens_are_those_expired_or_revoked_long_ago(carol):
    month = timedelta(days=31)
    alive, _ = ApiToken.objects.issue(carol)
    expired_lately, _ = ApiToken.objects.issue(carol, lifetime=timedelta(days=-1))
    expired, _ = ApiToken.objects.issue(carol, lifetime=-month)
    revoked_lately, _ = ApiToken.objects.issue(carol)
    revoked, _ = ApiToken.objects.issue(carol)
    revoked_lately.revoke()
    ApiToken.objects.filter(pk=revoked.pk).update(revoked_at=timezone.now() - month)

    assert set(ApiToken.objects.active()) == {alive}
    assert set(ApiToken.objects.long_inactive()) == {expired, revoked}
    assert {alive, expired_lately, revoked_lately}.isdisjoint(ApiToken.objects.long_inactive())


ENDS = {
    "active": lambda user, token: None,
    "revoked": lambda user, token: token.revoke(),
    "expired": lambda user, token: ApiToken.objects.update(expires_at=timezone.now()),
    "user deactivated": lambda user, token: type(user).objects.update(is_active=False),
    "password changed": lambda user, token: (user.set_password("another"), user.save()),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_token_is_found_exactly_if_the_queryset_calls_it_active(carol, bob, end):
    # On PostgreSQL a function looks it up, which states the rule once more.
    token, secret = ApiToken.objects.issue(carol)
    ApiToken.objects.issue(bob)

    end(carol, token)

    found = ApiToken.objects.find(secret)
    carol.refresh_from_db()
    usable = ApiToken.objects.usable_by(carol)
    assert [found] == (list(usable) or [None])
    if found:
        assert found.user == carol
        assert vars(found.user).keys() >= {"id", "password", "is_superuser", "username", "is_staff", "is_active"}
        assert {name: getattr(found, name) for name in ("user_id", "digest", "password_digest", "last_used_on")} == {
            name: getattr(token, name) for name in ("user_id", "digest", "password_digest", "last_used_on")
        }


def test_the_rows_of_a_list_come_with_their_token_in_one_statement(carol, a_product, django_assert_num_queries):
    goods = [a_product() for _ in range(3)]
    _, secret = ApiToken.objects.issue(carol)
    query = CompiledQuery.compile(Product.objects.order_by("-pk").values_list("pk", "sku"))

    with django_assert_num_queries(2 if connection.vendor == "postgresql" else 3):
        token, rows = ApiToken.objects.find_with_rows(secret, query, {})
        none = ApiToken.objects.find_with_rows("shop_made-up", query, {})

    assert (token.user, rows) == (carol, [(product.pk, product.sku) for product in reversed(goods)])
    assert none == (None, [])


def test_no_rows_come_with_a_token_from_before_a_new_password(carol, a_product):
    a_product()
    _, secret = ApiToken.objects.issue(carol)
    carol.set_password("another")
    carol.save()

    query = CompiledQuery.compile(Product.objects.values_list("pk"))

    assert ApiToken.objects.find_with_rows(secret, query, {}) == (None, [])
