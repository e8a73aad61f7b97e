"""Users and tokens that change while somebody has a page of theirs open, or while a password is hashed."""

import getpass
from contextlib import contextmanager

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from products.models import ApiToken
from products.tests.side_by_side import just_before

pytestmark = pytest.mark.django_db

OLD, NEW, OTHER = "correct horse battery", "staple correct horse", "battery staple correct"


@pytest.fixture
def carol(db):
    return User.objects.create_user("carol", password=OLD)


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss", password=OLD)


@pytest.fixture
def browser(desk, boss):
    return desk(boss)


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
    form = browser.get(page(user)).context["adminform"].form
    values = {name: form[name].value() for name in form.fields if name != "password"}
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


def test_a_login_and_a_new_password_meanwhile_are_no_conflict_and_not_undone(browser, carol):
    sent = loaded(browser, carol) | {"first_name": "Carol"}
    now = timezone.now()
    change(carol, last_login=now, password=make_password(NEW))

    assert browser.post(page(carol), sent).status_code == 302

    assert refreshed(carol).first_name == "Carol"
    assert refreshed(carol).last_login == now
    assert refreshed(carol).check_password(NEW)


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


def test_setting_the_password_of_a_user_who_is_deleted_meanwhile_is_a_404(browser, carol, during_hashing):
    words = {"password1": NEW, "password2": NEW, "usable_password": "true"}

    with during_hashing(carol.delete):
        assert browser.post(page(carol, "password"), words).status_code == 404


def own_password(old=OLD, new=NEW):
    return {"old_password": old, "new_password1": new, "new_password2": new}


@pytest.mark.parametrize(
    "columns",
    [{"password": make_password(OTHER, hasher=MD5PasswordHasher())}, {"is_active": False}],
    ids=["another password", "deactivated"],
)
def test_changing_ones_own_password_undoes_nothing_that_happens_meanwhile(browser, boss, columns):
    with just_before("SAVEPOINT", lambda: change(boss, **columns)):
        answer = browser.post("/admin/password_change/", own_password())

    assert answer.status_code == 200
    assert [error.code for error in answer.context["form"].errors.as_data()["__all__"]] == ["stale"]
    user = refreshed(boss)
    assert {name: getattr(user, name) for name in columns} == columns
    assert not user.check_password(NEW)


def test_the_old_password_is_not_stored_anew_when_it_is_shown_to_change_it(browser, boss, settings, monkeypatch):
    settings.PASSWORD_HASHERS = [
        *settings.PASSWORD_HASHERS,
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    change(boss, password=PBKDF2PasswordHasher().encode(OLD, "salt", iterations=1))
    browser.force_login(refreshed(boss))
    monkeypatch.setattr(PBKDF2PasswordHasher, "verify", lambda *given: change(boss, password=taken) or True)
    taken = make_password(OTHER)

    answer = browser.post("/admin/password_change/", own_password())

    assert answer.status_code == 200
    assert refreshed(boss).password == taken


def test_the_page_for_ones_own_password_looks_like_the_admins(browser):
    answer = browser.get("/admin/password_change/")
    wrong = browser.post("/admin/password_change/", own_password(old="wrong"))

    assert answer.status_code == 200
    assert answer.context["site_header"] == "Shop"
    assert {"old_password", "new_password1", "new_password2"} == set(answer.context["form"].fields)
    assert "old_password" in wrong.context["form"].errors


def test_whoever_is_not_staff_changes_no_password_here(client, carol):
    client.force_login(carol)

    assert client.post("/admin/password_change/", own_password()).status_code == 302
    assert refreshed(carol).check_password(OLD)


def test_renaming_a_token_does_not_bring_it_back(browser, carol):
    token, secret = ApiToken.objects.issue(carol)

    with just_before('UPDATE "products_apitoken"', lambda: ApiToken.objects.filter(pk=token.pk).revoke()):
        browser.post(f"/admin/products/apitoken/{token.pk}/change/", {"name": "till 7"})

    assert ApiToken.objects.get(pk=token.pk).name == "till 7"
    assert ApiToken.objects.find(secret) is None


def answer_prompts(monkeypatch, *words):
    """Type these at the prompts; what can be called is called first, and then the word after it is typed."""
    pending = iter(words)

    def read(prompt):
        word = next(pending)
        while callable(word):
            word()
            word = next(pending)
        return word

    monkeypatch.setattr(getpass, "getpass", read)


def test_the_command_for_passwords_undoes_nothing_that_happens_while_one_is_typed(carol, monkeypatch):
    answer_prompts(monkeypatch, lambda: change(carol, is_active=False), NEW, NEW)

    call_command("changepassword", "carol", verbosity=0)

    assert refreshed(carol).check_password(NEW)
    assert not refreshed(carol).is_active


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("nobody", [], "does not exist"),
        ("carol", ["", ""], "aborted"),
        ("carol", [NEW, OTHER, "short", "short", NEW, OTHER], "after 3 attempts"),
    ],
)
def test_the_command_for_passwords_refuses_as_djangos_does(carol, monkeypatch, name, words, said):
    answer_prompts(monkeypatch, *words)

    with pytest.raises(CommandError, match=said):
        call_command("changepassword", name)

    assert refreshed(carol).check_password(OLD)


def test_the_command_for_passwords_says_that_the_user_is_gone(carol, monkeypatch):
    answer_prompts(monkeypatch, carol.delete, NEW, NEW)

    with pytest.raises(CommandError, match="deleted meanwhile"):
        call_command("changepassword", "carol")
