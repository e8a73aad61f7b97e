import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from products.models import ApiToken

TOKENS = "/admin/products/apitoken/"


def issue_form(user, *, days=10, **changes):
    moment = timezone.now() + timedelta(days=days)
    expires = {"expires_at_0": f"{moment:%Y-%m-%d}", "expires_at_1": f"{moment:%H:%M:%S}"}
    return {"user": user.pk, "name": "Till 3"} | expires | changes


def errors(answer):
    return answer.context["adminform"].form.errors


def test_a_new_token_is_shown_once_and_authenticates(staff, client_of, messages_of, alice, api):
    answer = client_of(staff).post(f"{TOKENS}add/", issue_form(alice))

    assert (answer.status_code, answer.url) == (302, TOKENS)
    secret = re.search(r"The token is (\S+)\. It is shown only once; store it safely\.", messages_of(answer)[0])[1]
    token = ApiToken.objects.get()
    assert ApiToken.objects.find(secret) == token
    assert (token.user, token.name, token.prefix) == (alice, "Till 3", secret[: len(token.prefix)])
    assert abs(token.expires_at - timezone.now() - timedelta(days=10)) < timedelta(seconds=10)


def test_the_digest_and_the_secret_are_never_shown_again(staff, client_of, alice):
    token, secret = ApiToken.objects.issue(alice, name="Till 3")
    browser = client_of(staff)

    pages = [TOKENS, f"{TOKENS}{token.pk}/change/", f"{TOKENS}{token.pk}/history/", f"{TOKENS}{token.pk}/delete/"]
    html = "".join(browser.get(address).content.decode() for address in pages)

    assert token.prefix in html
    assert [hidden for hidden in (secret, token.digest, token.password_digest) if hidden in html] == []


def test_the_expiry_defaults_to_the_token_lifetime(staff, client_of, settings):
    settings.TOKEN_LIFETIME = timedelta(days=7)

    form = client_of(staff).get(f"{TOKENS}add/").context["adminform"].form

    assert abs(form.initial["expires_at"] - timezone.now() - timedelta(days=7)) < timedelta(seconds=10)


def test_a_token_cannot_be_issued_with_an_expiry_in_the_past(staff, client_of, alice):
    answer = client_of(staff).post(f"{TOKENS}add/", issue_form(alice, days=-1))

    assert errors(answer) == {"expires_at": ["The expiry must be in the future."]}
    assert ApiToken.objects.count() == 0


def test_an_invalid_expiry_is_rejected(staff, client_of, alice):
    answer = client_of(staff).post(f"{TOKENS}add/", issue_form(alice, expires_at_0="soon"))

    assert errors(answer) == {"expires_at": ["Enter a valid date."]}


def test_issuing_a_token_cannot_gain_another_staff_members_permissions(staff, client_of):
    root = User.objects.create_superuser("root")
    colleague = User.objects.create_user("colleague", is_staff=True)

    for other in (root, colleague):
        answer = client_of(staff).post(f"{TOKENS}add/", issue_form(other))
        assert errors(answer) == {"user": ["Only a superuser can issue tokens for other staff."]}
    assert ApiToken.objects.count() == 0

    assert client_of(staff).post(f"{TOKENS}add/", issue_form(staff)).status_code == 302
    assert client_of(root).post(f"{TOKENS}add/", issue_form(colleague)).status_code == 302
    assert [token.user for token in ApiToken.objects.order_by("id")] == [staff, colleague]


def test_only_the_name_of_a_token_can_be_changed(staff, client_of, alice, bob):
    token, secret = ApiToken.objects.issue(alice, name="Till 3")

    client_of(staff).post(
        f"{TOKENS}{token.pk}/change/", issue_form(bob, days=999, name="Till 4", shown="x", digest="x")
    )

    after = ApiToken.objects.find(secret)
    assert (after, after.name, after.user, after.expires_at) == (token, "Till 4", alice, token.expires_at)


def test_revoking_takes_effect_immediately_and_only_once(staff, client_of, messages_of, alice, api):
    first, first_secret = ApiToken.objects.issue(alice)
    second, second_secret = ApiToken.objects.issue(alice)
    other, other_secret = ApiToken.objects.issue(alice)
    first.revoke()

    answer = client_of(staff).post(TOKENS, {"action": "revoke_selected", "_selected_action": [first.pk, second.pk]})

    assert messages_of(answer) == ["Revoked 1 of 2."]
    assert [ApiToken.objects.find(secret) for secret in (first_secret, second_secret, other_secret)] == [
        None,
        None,
        other,
    ]
    assert ApiToken.objects.get(pk=first.pk).revoked_at == first.revoked_at


def test_the_list_is_filtered_by_revoked(staff, client_of, alice):
    kept, revoked = ApiToken.objects.issue(alice)[0], ApiToken.objects.issue(alice)[0]
    revoked.revoke()
    browser = client_of(staff)

    def shown(**query):
        return list(browser.get(TOKENS, query).context["cl"].result_list)

    assert (shown(revoked="no"), shown(revoked="yes"), shown()) == ([kept], [revoked], [revoked, kept])


@pytest.mark.parametrize("permission", ["view_apitoken", "change_apitoken"])
def test_issuing_a_token_needs_the_add_permission(client_of, staff_with, alice, permission):
    answer = client_of(staff_with(permission)).post(f"{TOKENS}add/", issue_form(alice))

    assert answer.status_code == 403
    assert ApiToken.objects.count() == 0


def test_a_user_with_view_permission_cannot_revoke(client_of, staff_with, alice):
    token, secret = ApiToken.objects.issue(alice)

    client_of(staff_with("view_apitoken")).post(TOKENS, {"action": "revoke_selected", "_selected_action": [token.pk]})

    assert ApiToken.objects.find(secret) == token


def test_no_token_is_issued_for_an_account_that_is_closed(client_of, alice):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    moment = timezone.now() + timedelta(days=3)
    form = {"user": alice.pk, "expires_at_0": f"{moment:%Y-%m-%d}", "expires_at_1": f"{moment:%H:%M:%S}"}

    answer = client_of(User.objects.create_superuser("root")).post("/admin/products/apitoken/add/", form)

    assert answer.context["adminform"].form.errors["user"] == ["This account is closed; open it first."]
    assert not ApiToken.objects.exists()
