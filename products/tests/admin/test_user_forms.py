"""Users and tokens that are changed while somebody has a page of theirs open, or while a password is hashed."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone

from products.models import ApiToken
from products.tests.side_by_side import just_before, meanwhile, on_postgresql
from shop import settings as shop_settings

pytestmark = pytest.mark.django_db

OLD, NEW = "correct horse battery", "staple correct horse"


@pytest.fixture
def carol(db):
    return User.objects.create_user("carol", password=OLD)


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss", password=OLD)


@pytest.fixture
def browser(client_of, boss):
    return client_of(boss)


@pytest.fixture
def during_hashing(monkeypatch):
    """In this block, do `work` once, before the next new hash is made."""

    @contextmanager
    def install(work):
        pending, encode = [work], MD5PasswordHasher.encode

        def work_and_encode(self, password, salt):
            if pending:
                pending.pop()()
            return encode(self, password, salt)

        with monkeypatch.context() as patch:
            patch.setattr(MD5PasswordHasher, "encode", work_and_encode)
            yield
        assert not pending

    return install


def change(user, **columns):
    User.objects.filter(pk=user.pk).update(**columns)


def refreshed(user):
    return User.objects.get(pk=user.pk)


def page(user, verb="change"):
    return f"/admin/auth/user/{user.pk}/{verb}/"


def loaded(browser, user):
    """What a browser would send of the page of `user`, if nothing were changed on it."""
    answer = browser.get(page(user))
    form = answer.context["adminform"].form
    assert f'<input type="hidden" name="version" value="{form["version"].value()}"' in answer.content.decode()
    values = {name: form[name].value() for name in form.fields if name not in ("password", "version")}
    values["version"] = form.fields["version"].prepare_value(form["version"].initial)
    return {name: "on" if value is True else value for name, value in values.items() if value not in (None, False)}


def stale(answer):
    return [error.code for error in answer.context["adminform"].form.errors.as_data()["__all__"]] == ["stale"]


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda user: change(user, is_active=False),
        lambda user: change(user, is_staff=True),
        lambda user: change(user, email="carol@example.com"),
        lambda user: user.groups.add(Group.objects.create(name="Shop staff")),
    ],
    ids=["deactivated", "made staff", "another address", "in a group"],
)
def test_a_page_does_not_undo_what_was_changed_since_it_was_loaded(browser, carol, meanwhile):
    sent = loaded(browser, carol) | {"first_name": "Carol"}
    meanwhile(carol)
    before = User.objects.filter(pk=carol.pk).values().get()

    answer = browser.post(page(carol), sent)

    assert stale(answer)
    assert User.objects.filter(pk=carol.pk).values().get() == before
    assert browser.post(page(carol), loaded(browser, carol) | {"first_name": "Carol"}).status_code == 302
    assert refreshed(carol).first_name == "Carol"


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_page_waits_for_a_change_that_is_just_being_saved(browser, carol):
    sent = loaded(browser, carol) | {"first_name": "Carol"}
    with transaction.atomic():
        change(carol, is_active=False)
        saving = meanwhile(lambda: browser.post(page(carol), sent))
        assert saving.waits()

    assert stale(saving.outcome())
    assert (refreshed(carol).is_active, refreshed(carol).first_name) == (False, "")


def test_a_login_and_a_new_password_meanwhile_are_no_conflict_and_not_undone(browser, carol):
    sent = loaded(browser, carol) | {"first_name": "Carol"}
    now = timezone.now()
    change(carol, last_login=now, password=make_password(NEW))

    assert browser.post(page(carol), sent).status_code == 302

    assert refreshed(carol).first_name == "Carol"
    assert refreshed(carol).last_login == now
    assert refreshed(carol).check_password(NEW)


def test_the_history_of_a_user_tells_of_no_version(browser, carol):
    browser.post(page(carol), loaded(browser, carol) | {"first_name": "Carol"})
    browser.post(page(carol), {"username": "carol", "first_name": "Caroline", "is_active": "on"})

    assert [entry.get_change_message() for entry in LogEntry.objects.all()] == ["Changed First name."] * 2


def test_who_may_only_look_at_a_user_is_shown_no_version(client_of, staff_with, boss):
    answer = client_of(staff_with("view_user")).get(page(boss))

    assert answer.status_code == 200
    assert "version" not in answer.content.decode()


def test_saving_a_user_writes_only_what_was_changed(browser, carol):
    sent = loaded(browser, carol) | {"first_name": "Carol"}

    with just_before('UPDATE "auth_user"', lambda: change(carol, password=make_password(NEW))):
        assert browser.post(page(carol), sent).status_code == 302

    assert refreshed(carol).first_name == "Carol"
    assert refreshed(carol).check_password(NEW)


def test_setting_anothers_password_undoes_nothing_that_happens_while_it_is_hashed(browser, carol, during_hashing):
    words = {"password1": NEW, "password2": NEW, "usable_password": "true"}

    with during_hashing(lambda: change(carol, is_active=False, is_staff=True)):
        assert browser.post(page(carol, "password"), words).status_code == 302

    user = refreshed(carol)
    assert (user.is_active, user.is_staff, user.check_password(NEW)) == (False, True, True)


def test_taking_anothers_password_away_writes_nothing_else(browser, carol):
    with just_before('UPDATE "auth_user"', lambda: change(carol, is_active=False)):
        browser.post(page(carol, "password"), {"usable_password": "false", "unset-password": "1"})

    assert (refreshed(carol).is_active, refreshed(carol).has_usable_password()) == (False, False)


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_setting_the_password_of_a_user_who_is_just_being_deleted_is_a_404(browser, carol):
    words = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    with transaction.atomic():
        User.objects.filter(pk=carol.pk).delete()  # carol.delete() would forget the id
        setting = meanwhile(lambda: browser.post(page(carol, "password"), words))
        assert setting.waits()

    assert setting.outcome().status_code == 404


def test_setting_the_password_of_a_user_who_is_deleted_meanwhile_is_a_404(browser, carol, during_hashing):
    words = {"password1": NEW, "password2": NEW, "usable_password": "true"}

    with during_hashing(carol.delete):
        assert browser.post(page(carol, "password"), words).status_code == 404


def test_renaming_a_token_does_not_bring_it_back(browser, carol):
    token, secret = ApiToken.objects.issue(carol)

    with just_before('UPDATE "products_apitoken"', lambda: ApiToken.objects.filter(pk=token.pk).revoke()):
        browser.post(f"/admin/products/apitoken/{token.pk}/change/", {"name": "till 7"})

    assert ApiToken.objects.get(pk=token.pk).name == "till 7"
    assert ApiToken.objects.find(secret) is None


DAMAGED = ["", "plain", "rot13$x$y", "argon2$x", "pbkdf2_sha256$x$y$z", "scrypt$3$salt$8$1$x", "!"]


@pytest.mark.parametrize("password", DAMAGED)
def test_a_user_whose_hash_is_damaged_gets_a_new_password(browser, carol, settings, password):
    settings.PASSWORD_HASHERS = [*settings.PASSWORD_HASHERS, *shop_settings.PASSWORD_HASHERS]
    change(carol, password=password)
    words = {"password1": NEW, "password2": NEW, "usable_password": "true"}

    shown = [browser.get(page(carol)).status_code, browser.get(page(carol, "password")).status_code]
    assert browser.post(page(carol, "password"), words).status_code == 302

    assert shown == [200, 200]
    assert refreshed(carol).check_password(NEW)


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_no_token_is_issued_for_a_user_who_is_just_being_deleted(browser, carol):
    moment = timezone.now() + timedelta(days=3)
    words = {"user": carol.pk, "expires_at_0": f"{moment:%Y-%m-%d}", "expires_at_1": f"{moment:%H:%M:%S}"}
    with transaction.atomic():
        User.objects.filter(pk=carol.pk).delete()
        issuing = meanwhile(lambda: browser.post("/admin/products/apitoken/add/", words))
        assert issuing.waits()

    errors = issuing.outcome().context["adminform"].form.errors
    assert errors == {"user": ["This user has just been deleted."]}
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("username", "car\u3164ol", "invisible_character"),
        ("first_name", "Ca\nrol", "control_character"),
        ("last_name", "\u200b", "invisible_character"),
    ],
)
def test_names_are_held_to_the_same_rules_as_in_the_api(browser, carol, name, text, code):
    moment = {"date_joined_0": "2026-01-31", "date_joined_1": "12:00:00"}
    form = {"username": "carol", "is_active": "on", **moment, name: text}

    answer = browser.post(f"/admin/auth/user/{carol.pk}/change/", form)

    errors = answer.context["adminform"].form.errors.as_data()
    assert {field: [error.code for error in found] for field, found in errors.items()} == {name: [code]}


def test_a_new_user_has_a_name_that_can_be_seen(browser):
    passwords = {"password1": NEW, "password2": NEW, "usable_password": "true"}

    answer = browser.post("/admin/auth/user/add/", {"username": "car\u3164ol", **passwords})

    errors = answer.context["adminform"].form.errors.as_data()
    assert [error.code for error in errors["username"]] == ["invisible_character"]


def test_the_domain_of_an_email_is_stored_in_lower_case(browser, carol):
    moment = {"date_joined_0": "2026-01-31", "date_joined_1": "12:00:00"}

    browser.post(
        f"/admin/auth/user/{carol.pk}/change/",
        {"username": "carol", "is_active": "on", "email": "Carol@Shop.Example", **moment},
    )

    carol.refresh_from_db()
    assert carol.email == "Carol@shop.example"
