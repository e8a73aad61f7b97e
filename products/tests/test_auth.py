"""Checking a password takes time. What may happen meanwhile, and what a login may and may not write."""

import itertools
from threading import Event

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    MD5PasswordHasher,
    PBKDF2PasswordHasher,
    get_hashers,
    make_password,
)
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from products import auth
from products.models import ApiToken, LoginCounter
from products.tests.side_by_side import meanwhile, on_postgresql, side_by_side
from shop import settings as shop_settings

pytestmark = pytest.mark.django_db

OLD, NEW = "correct horse battery", "staple correct horse"
ZOE, DECOMPOSED, WIDE = "zo\u00eb", "zoe\u0308", "\uff5a\uff4f\u00eb"


class CheapArgon2(Argon2PasswordHasher):
    """Argon2 with other parameters than the shop's."""

    memory_cost, time_cost, parallelism = 256, 1, 1


@pytest.fixture(autouse=True)
def hashers(settings):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    return settings


def outdated(password=OLD):
    """A hash that the next login stores anew."""
    return PBKDF2PasswordHasher().encode(password, "salt", iterations=1)


def stored(user):
    return User.objects.get(pk=user.pk).password


@pytest.fixture
def clerk(db):
    """A member of the staff, whose hash is outdated."""
    return User.objects.create(username="clerk", password=outdated(), is_staff=True)


@pytest.fixture
def during_check(monkeypatch):
    """Do `work` after a password was compared with its hash, and before the comparison returns; `times` times."""

    def install(work, times=1):
        left = itertools.count(1)
        for hasher in (MD5PasswordHasher, PBKDF2PasswordHasher):

            def verify(self, password, encoded, verify=hasher.verify):
                is_right = verify(self, password, encoded)
                if next(left) <= times:
                    work()
                return is_right

            monkeypatch.setattr(hasher, "verify", verify)

    return install


def change_password(user, password=NEW):
    User.objects.filter(pk=user.pk).update(password=make_password(password))


def enter_api(password, name="clerk"):
    """The token of a login over the API, None where it is refused."""
    answer = Client().post(
        "/api-token-auth/", {"username": name, "password": password}, content_type="application/json"
    )
    assert answer.status_code in (200, 401)
    return answer.json().get("token")


def enter_admin(password, name="clerk"):
    """A browser logged in to the admin, None where that is refused."""
    browser = Client()
    answer = browser.post("/admin/login/?next=/admin/", {"username": name, "password": password})
    assert answer.status_code in (200, 302)
    return browser if answer.status_code == 302 else None


def is_in(browser):
    return browser is not None and browser.get("/admin/").status_code == 200


DOORS = pytest.mark.parametrize("enter", [enter_api, enter_admin])


# --- A password that changes while it is checked ------------------------------------------------------------------


@DOORS
def test_a_login_does_not_take_back_a_password_that_is_changed_meanwhile(clerk, during_check, enter):
    during_check(lambda: change_password(clerk))

    assert enter(OLD) is None

    assert authenticate(username="clerk", password=NEW) == clerk
    assert authenticate(username="clerk", password=OLD) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(3))
def test_nor_in_another_thread(clerk, during_check, round_):
    checked, changed = Event(), Event()
    during_check(lambda: (checked.set(), changed.wait(30)))

    login = meanwhile(lambda: authenticate(username="clerk", password=OLD))
    assert checked.wait(30)
    change_password(clerk)
    changed.set()

    assert login.outcome() is None
    assert authenticate(username="clerk", password=NEW) == clerk


@pytest.mark.django_db(transaction=True)
def test_whichever_comes_first_the_new_password_is_the_one_that_is_right_in_the_end(clerk, settings):
    settings.LOGINS_PER_NAME = 0
    for _ in range(10):
        User.objects.filter(pk=clerk.pk).update(password=outdated())

        found, _ = side_by_side(lambda: authenticate(username="clerk", password=OLD), lambda: change_password(clerk))

        assert found in (clerk, None)
        assert authenticate(username="clerk", password=NEW) == clerk
        assert authenticate(username="clerk", password=OLD) is None


@DOORS
def test_two_logins_that_find_the_same_outdated_hash_are_both_let_in(clerk, during_check, enter):
    first = []
    during_check(lambda: first.append(enter(OLD)))

    second = enter(OLD)

    if enter is enter_admin:
        assert is_in(first[0])
        assert is_in(second)
    else:
        assert ApiToken.objects.find(first[0])
        assert ApiToken.objects.find(second)


@pytest.mark.django_db(transaction=True)
def test_many_first_logins_at_once_are_all_let_in(clerk):
    users = side_by_side(*[lambda: authenticate(username="clerk", password=OLD)] * 6)

    assert users == [clerk] * 6
    assert {user.password for user in users} == {stored(clerk)}


def test_a_hash_that_changes_with_every_look_is_given_up(clerk, during_check):
    salts = itertools.count()
    change = lambda: User.objects.update(  # noqa: E731
        password=PBKDF2PasswordHasher().encode(OLD, f"salt{next(salts)}", iterations=1)
    )
    during_check(change, times=auth.MAX_CHECKS)

    assert authenticate(username="clerk", password=OLD) is None

    assert authenticate(username="clerk", password=OLD) == clerk


def test_no_token_is_given_for_a_password_that_was_changed_meanwhile(clerk, during_check):
    User.objects.update(password=make_password(OLD))  # up to date, so that the login has nothing to write
    during_check(lambda: change_password(clerk))

    assert enter_api(OLD) is None

    assert not ApiToken.objects.exists()


def test_a_session_for_a_password_that_was_changed_meanwhile_opens_nothing(clerk, during_check):
    User.objects.update(password=make_password(OLD))
    during_check(lambda: change_password(clerk))

    assert not is_in(enter_admin(OLD))


def test_a_token_for_a_user_who_is_deactivated_meanwhile_opens_nothing(clerk, during_check):
    during_check(lambda: User.objects.update(is_active=False))

    token = enter_api(OLD)

    assert ApiToken.objects.find(token or "") is None


def test_a_session_for_a_user_who_is_deactivated_meanwhile_opens_nothing(clerk, during_check):
    during_check(lambda: User.objects.update(is_active=False))

    assert not is_in(enter_admin(OLD))
    assert not User.objects.get().is_active


@pytest.mark.parametrize("password", [outdated(), MD5PasswordHasher().encode(OLD, "s" * 22)], ids=["outdated", "not"])
def test_a_user_who_is_deleted_meanwhile_gets_no_token(clerk, during_check, password):
    User.objects.update(password=password)
    during_check(clerk.delete)

    assert enter_api(OLD) is None
    assert not User.objects.exists()


def test_a_user_who_is_deleted_while_logging_in_to_the_admin_is_not_in(clerk, during_check):
    User.objects.update(password=make_password(OLD))
    during_check(clerk.delete)

    assert not is_in(enter_admin(OLD))
    assert not User.objects.exists()


def test_a_login_writes_its_moment_and_nothing_else(clerk):
    before = User.objects.values().get()

    assert is_in(enter_admin(OLD))

    after = User.objects.values().get()
    assert {name for name in after if after[name] != before[name]} == {"last_login", "password"}


# --- A password that is set while something else changes ------------------------------------------------------------


CHANGE = {"old_password": OLD, "new_password1": NEW, "new_password2": NEW}


@pytest.fixture
def here(clerk):
    """A browser in which the clerk is logged in."""
    browser = enter_admin(OLD)
    assert is_in(browser)
    return browser


def test_ones_own_new_password_undoes_nothing_that_is_changed_while_it_is_set(clerk, here, during_check):
    during_check(lambda: User.objects.update(email="clerk@example.com", first_name="Clerk"))

    assert here.post("/admin/password_change/", CHANGE).status_code == 302

    user = User.objects.get()
    assert (user.email, user.first_name, user.check_password(NEW)) == ("clerk@example.com", "Clerk", True)
    assert is_in(here)


def test_checking_ones_old_password_does_not_store_it_anew(clerk, here):
    User.objects.update(password=outdated())
    here.force_login(User.objects.get())

    here.post("/admin/password_change/", CHANGE | {"new_password2": "another one than that"})

    assert stored(clerk) == outdated()


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_ones_own_new_password_does_not_replace_one_that_is_just_being_set(clerk, here):
    third = "third time lucky horse"
    with transaction.atomic():
        change_password(clerk, third)
        changing = meanwhile(lambda: here.post("/admin/password_change/", CHANGE))
        assert changing.waits()

    answer = changing.outcome()
    assert answer.context["form"].errors.as_data()["old_password"][0].code == "password_incorrect"
    assert User.objects.get().check_password(third)


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_user_who_is_just_being_deleted_sets_no_password(clerk, here):
    with transaction.atomic():
        User.objects.filter(pk=clerk.pk).delete()
        changing = meanwhile(lambda: here.post("/admin/password_change/", CHANGE))
        assert changing.waits()

    assert changing.outcome().status_code == 200
    assert not User.objects.exists()


def test_a_damaged_hash_is_no_reason_for_an_error_on_the_page_of_ones_own_password(clerk, here):
    User.objects.update(password="pbkdf2_sha256$x$y$z")
    here.force_login(User.objects.get())

    answer = here.post("/admin/password_change/", CHANGE)

    assert answer.context["form"].errors.as_data()["old_password"][0].code == "password_incorrect"


@pytest.fixture
def typed(monkeypatch):
    """Answer the prompts of a command with these texts; a function among them is called first."""

    def install(*answers):
        left = iter(answers)

        def answer(prompt):
            given = next(left)
            return given() if callable(given) else given

        monkeypatch.setattr("products.management.commands.changepassword.getpass", answer)

    return install


def test_the_command_undoes_nothing_that_is_changed_while_a_password_is_typed(clerk, typed):
    typed(NEW, lambda: User.objects.update(is_active=False, is_staff=False) and NEW)

    call_command("changepassword", "clerk", verbosity=0)

    user = User.objects.get()
    assert (user.is_active, user.is_staff, user.check_password(NEW)) == (False, False, True)


def test_the_command_says_that_the_user_was_deleted_meanwhile(clerk, typed):
    typed(NEW, lambda: clerk.delete() and NEW)

    with pytest.raises(CommandError, match="user 'clerk' has been deleted meanwhile"):
        call_command("changepassword", "clerk")


@pytest.mark.parametrize(
    ("answers", "refused"),
    [
        ([NEW, OLD, "short", "short", "12345678901234567890", "12345678901234567890"], "after 3 attempts"),
        ([""], "aborted"),
    ],
)
def test_the_command_stores_no_password_that_is_refused(clerk, typed, settings, answers, refused):
    settings.AUTH_PASSWORD_VALIDATORS = shop_settings.AUTH_PASSWORD_VALIDATORS
    typed(*answers)

    with pytest.raises(CommandError, match=refused):
        call_command("changepassword", "clerk")

    assert stored(clerk) == outdated()


def test_the_command_knows_whom_it_does_not_know():
    with pytest.raises(CommandError, match="user 'nobody' does not exist"):
        call_command("changepassword", "nobody")


# --- What a new hash of the same password ends, and what not --------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "password"),
    [
        (
            ["django.contrib.auth.hashers.MD5PasswordHasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"],
            outdated(),
        ),
        (["shop.password_hashers.Argon2"], CheapArgon2().encode(OLD, "saltsaltsalt")),
    ],
    ids=["another algorithm", "other parameters"],
)
def test_tokens_survive_that_their_users_password_is_stored_anew(settings, clerk, bob, listed, password):
    settings.PASSWORD_HASHERS = listed
    User.objects.update(password=password)
    clerk, bob = User.objects.get(pk=clerk.pk), User.objects.get(pk=bob.pk)
    (kept, secret), (revoked, revoked_secret), (_, bobs) = map(ApiToken.objects.issue, [clerk, clerk, bob])
    revoked.revoke()

    new_secret = enter_api(OLD)

    assert stored(clerk) != password
    assert ApiToken.objects.find(secret) == kept
    assert ApiToken.objects.find(new_secret)
    assert ApiToken.objects.find(revoked_secret) is None
    assert ApiToken.objects.find(bobs).user == bob


def test_tokens_of_an_earlier_password_stay_dead_when_the_present_one_is_stored_anew(clerk):
    _, secret = ApiToken.objects.issue(clerk)
    User.objects.update(password=outdated(NEW))

    assert authenticate(username="clerk", password=NEW) == clerk

    assert ApiToken.objects.find(secret) is None


def test_the_session_that_stores_a_password_anew_goes_on(clerk):
    browser = enter_admin(OLD)

    assert stored(clerk).startswith("md5$")
    assert is_in(browser)
    assert is_in(enter_admin(OLD))
    assert is_in(browser)


def test_a_new_password_ends_the_other_sessions_and_not_the_one_that_sets_it(clerk):
    here, elsewhere = enter_admin(OLD), enter_admin(OLD)
    _, secret = ApiToken.objects.issue(User.objects.get())

    answer = here.post("/admin/password_change/", {"old_password": OLD, "new_password1": NEW, "new_password2": NEW})

    assert (answer.status_code, answer["Location"]) == (302, "/admin/password_change/done/")
    assert (is_in(here), is_in(elsewhere)) == (True, False)
    assert ApiToken.objects.find(secret) is None
    assert authenticate(username="clerk", password=NEW) == clerk


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_token_that_is_just_being_issued_is_carried_along(clerk):
    with transaction.atomic():
        token, secret = ApiToken.objects.issue(clerk)
        login = meanwhile(lambda: authenticate(username="clerk", password=OLD))
        assert login.waits()

    assert login.outcome() == clerk
    assert stored(clerk).startswith("md5$")
    assert ApiToken.objects.find(secret) == token


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_token_is_not_issued_under_a_password_that_is_just_being_changed(clerk):
    with transaction.atomic():
        change_password(clerk)
        issue = meanwhile(lambda: ApiToken.objects.issue(clerk))
        assert issue.waits()

    assert isinstance(issue.outcome(), User.DoesNotExist)


# --- Hashes that cannot be checked ----------------------------------------------------------------------------------


def test_every_listed_hasher_works(settings, clerk):
    settings.PASSWORD_HASHERS = shop_settings.PASSWORD_HASHERS
    preferred, *others = get_hashers()

    for hasher in [preferred, *others]:
        User.objects.update(password=make_password(OLD, hasher=hasher))
        assert stored(clerk).startswith(hasher.algorithm)

        assert enter_api("wrong") is None
        assert enter_api(OLD)

        assert stored(clerk).startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


BCRYPT = "bcrypt_sha256$$2b$12$gGxdvTWoq3G3SsmWgmVgKuZQZXvXgMkfkqUiQaPoqV/fBQsIXQfV."
UNREADABLE = [BCRYPT, "", "plain", "rot13$x$y", "argon2$x", "pbkdf2_sha256$x$y$z", "scrypt$3$salt$8$1$x", "!"]


@DOORS
@pytest.mark.parametrize("password", UNREADABLE)
def test_with_a_hash_that_cannot_be_checked_no_password_is_right(settings, clerk, enter, password):
    settings.PASSWORD_HASHERS = shop_settings.PASSWORD_HASHERS
    User.objects.update(password=password)

    assert enter(OLD) is None

    assert stored(clerk) == password


def test_a_damaged_hash_is_logged_without_the_hash(clerk, caplog):
    User.objects.update(password="pbkdf2_sha256$x$y$z")

    authenticate(username="clerk", password=OLD)

    [line] = [record.getMessage() for record in caplog.records if record.name == "products.auth"]
    assert line == f"The stored password of user {clerk.pk} cannot be read: ValueError"


def test_a_damaged_hash_costs_as_much_time_as_another(clerk, monkeypatch):
    User.objects.update(password="pbkdf2_sha256$x$y$z")
    encoded = []
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *given: encoded.append(given) or "md5$salt$no")

    authenticate(username="clerk", password=OLD)

    assert len(encoded) == 1


# --- One name, however it is spelled ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [ZOE, DECOMPOSED, WIDE])
@DOORS
def test_a_name_may_be_typed_in_any_unicode_form(enter, name):
    User.objects.create_user(ZOE, password=OLD, is_staff=True)

    assert enter(OLD, name)


def test_all_spellings_of_a_name_are_counted_as_one(settings):
    settings.LOGINS_PER_NAME = 3

    assert [enter_api("wrong", name) for name in (ZOE, DECOMPOSED, WIDE)] == [None] * 3

    for name in (ZOE, DECOMPOSED):
        answer = Client().post("/api-token-auth/", {"username": name, "password": "x"}, content_type="application/json")
        assert answer.status_code == 429
    assert LoginCounter.objects.count() == 2  # the address, and the name


def test_names_are_stored_in_one_form_whoever_makes_the_user(admin_client, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", OLD)

    User.objects.create_user(f"1{DECOMPOSED}")
    call_command("createsuperuser", username=f"2{WIDE}", email="", interactive=False, verbosity=0)
    words = {"password1": OLD, "password2": OLD, "usable_password": "true"}
    admin_client.post("/admin/auth/user/add/", {"username": f"3{DECOMPOSED}", **words})

    assert sorted(User.objects.exclude(username="admin").values_list("username", flat=True)) == [
        f"1{ZOE}",
        f"2{ZOE}",
        f"3{ZOE}",
    ]
