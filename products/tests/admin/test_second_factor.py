"""The second factor of staff: set up, asked for at the login, used once, limited, removed and reset."""

import re
import time

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from products import second_factor
from products.tests.side_by_side import on_postgresql, side_by_side

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def clerk(settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = settings.OTP_STATIC_THROTTLE_FACTOR = 0  # One test waits; the others need not.
    return User.objects.create_user("clerk", password=PASSWORD, is_staff=True)


@pytest.fixture
def page():
    return reverse("admin:second_factor")


def code_of(user, *, steps=0):
    """Return the code that the app of `user` shows, or shows in so many steps."""
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key)
    totp.time = time.time() + 30 * steps
    return f"{totp.token():06}"


def log_in(user, *, code="", password=PASSWORD):
    """Return the client, and what its login page answered."""
    client = Client()
    answer = client.post(
        reverse("admin:login"), {"username": user.username, "password": password, "code": code, "next": "/admin/"}
    )
    return client, answer


@pytest.fixture
def enrolled(clerk, page):
    """The clerk with a confirmed device, whose code of this moment is not used up yet."""
    client, _ = log_in(clerk)
    client.post(page)
    client.post(page, {"code": code_of(clerk, steps=-1)})
    return clerk


def is_in(client):
    return client.get(reverse("admin:index")).status_code == 200


def errors_of(answer):
    return answer.context["form"].errors.as_text() if answer.status_code == 200 else ""


def test_staff_set_up_a_second_factor_and_are_given_recovery_codes(clerk, page):
    client, _ = log_in(clerk)

    before, started = client.get(page), client.post(page, follow=True)
    confirmed = client.post(page, {"code": code_of(clerk)}, follow=True)

    assert b"Set up" in before.content
    assert b"<svg" in started.content
    assert b"style=" not in started.content
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", started.content.decode())[1]
    assert len(secret.replace(" ", "")) == 32
    [message] = confirmed.context["messages"]
    codes = re.search(r"once: ([a-z2-7 ]+)\.", str(message))[1].split()
    assert sorted(codes) == sorted(StaticToken.objects.values_list("token", flat=True))
    assert len(codes) == second_factor.RECOVERY_CODES
    assert b"Recovery codes left: 8." in confirmed.content


def test_opening_the_page_gives_nobody_a_device(clerk, page):
    client, _ = log_in(clerk)

    client.get(page)

    assert not TOTPDevice.objects.exists()


def test_a_wrong_code_confirms_nothing(clerk, page):
    client, _ = log_in(clerk)
    client.post(page)

    answer = client.post(page, {"code": "000000" if code_of(clerk) != "000000" else "000001"})

    assert "This code is wrong" in errors_of(answer)
    assert not TOTPDevice.objects.get().confirmed
    assert is_in(log_in(clerk)[0])


def test_a_device_that_is_not_confirmed_is_not_asked_for(clerk, page):
    client, _ = log_in(clerk)
    client.post(page)

    assert is_in(log_in(clerk)[0])


@pytest.mark.parametrize(
    ("code", "sentence"), [("", "Enter your password and the code"), ("12345", "This code is wrong"), ("x", "wrong")]
)
def test_a_password_alone_opens_nothing(enrolled, code, sentence):
    client, answer = log_in(enrolled, code=code)

    assert sentence in errors_of(answer)
    assert not is_in(client)


def test_the_code_of_the_app_opens_the_admin_once(enrolled):
    code = code_of(enrolled)

    first, _ = log_in(enrolled, code=f" {code[:3]} {code[3:]}")
    second, answer = log_in(enrolled, code=code)

    assert is_in(first)
    assert "was used before" in errors_of(answer)
    assert not is_in(second)


def test_a_recovery_code_opens_the_admin_once(enrolled):
    code = StaticToken.objects.first().token

    first, _ = log_in(enrolled, code=code.upper())
    second, _ = log_in(enrolled, code=code)

    assert (is_in(first), is_in(second)) == (True, False)
    assert StaticToken.objects.count() == second_factor.RECOVERY_CODES - 1


def test_a_code_of_somebody_else_opens_nothing(enrolled, page):
    root = User.objects.create_superuser("root", password=PASSWORD)
    theirs, _ = log_in(root)
    theirs.post(page)
    theirs.post(page, {"code": code_of(root, steps=-1)})

    client, _ = log_in(enrolled, code=StaticToken.objects.filter(device__user=root).first().token)

    assert not is_in(client)


def test_setting_it_up_logs_out_everywhere_else(clerk, page, alice):
    here, elsewhere, somebody = log_in(clerk)[0], log_in(clerk)[0], Client()
    somebody.force_login(alice)
    here.post(page)

    here.post(page, {"code": code_of(clerk)})

    assert (is_in(here), is_in(elsewhere)) == (True, False)
    assert Session.objects.filter(pk=somebody.session.session_key).exists()


def test_wrong_codes_make_the_next_one_wait(enrolled, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 60
    wrong = f"{(int(code_of(enrolled)) + 500_000) % 1_000_000:06}"
    log_in(enrolled, code=wrong)

    client, answer = log_in(enrolled, code=code_of(enrolled))

    assert "Too many wrong codes. Try again in 60 s." in errors_of(answer)
    assert not is_in(client)


def test_wrong_codes_count_as_failed_logins(enrolled, settings):
    settings.LOGINS_PER_NAME = 3
    for _ in range(3):
        log_in(enrolled, code="x")

    client, answer = log_in(enrolled, code=code_of(enrolled))

    assert "Too many tries to log in." in errors_of(answer)
    assert not is_in(client)


def test_right_codes_use_up_no_login(enrolled, settings):
    settings.LOGINS_PER_NAME = 1

    assert all(is_in(log_in(enrolled, code=token.token)[0]) for token in StaticToken.objects.all()[:3])


@pytest.mark.parametrize("wrong", ["password", "code"])
def test_removing_it_needs_the_password_and_a_code(enrolled, page, wrong):
    client, _ = log_in(enrolled, code=code_of(enrolled))
    form = {"password": PASSWORD, "code": StaticToken.objects.first().token}

    refused = client.post(page, form | {wrong: "guessed"})
    still_there = second_factor.device_of(enrolled) is not None
    form["code"] = StaticToken.objects.first().token
    removed = client.post(page, form)

    assert "is wrong" in errors_of(refused)
    assert still_there
    assert removed.status_code == 302
    assert second_factor.device_of(enrolled) is None
    assert is_in(log_in(enrolled)[0])


@pytest.mark.parametrize("missing", ["password", "code"])
def test_removing_it_without_password_or_code_asks_for_it_and_uses_nothing_up(enrolled, page, missing):
    client, _ = log_in(enrolled, code=code_of(enrolled))
    code = StaticToken.objects.first().token

    answer = client.post(page, {"password": PASSWORD, "code": code} | {missing: ""})

    assert list(answer.context["form"].errors) == [missing]
    assert StaticToken.objects.filter(token=code).exists()
    assert second_factor.device_of(enrolled) is not None


def test_where_it_is_required_it_is_set_up_before_anything_else(clerk, page, settings):
    settings.ADMIN_REQUIRES_TOTP = True
    client, _ = log_in(clerk)

    sent = [
        client.get(reverse(name)) for name in ("admin:index", "admin:password_change", "admin:auth_user_changelist")
    ]
    shown = client.get(page)
    client.post(page)
    client.post(page, {"code": code_of(clerk)})

    assert [(answer.status_code, answer["Location"]) for answer in sent] == [(302, page)] * 3
    assert b"This shop asks for a second factor" in shown.content
    assert is_in(client)


def test_where_it_is_required_a_session_without_a_code_ends(enrolled, settings):
    client = Client()
    client.force_login(enrolled)  # as one that was begun before
    settings.ADMIN_REQUIRES_TOTP = True

    answer = client.get(reverse("admin:index"))

    assert answer["Location"].startswith(reverse("admin:login"))


def test_a_manager_resets_the_second_factor_of_who_has_lost_it(enrolled, client):
    manager = User.objects.create_user("manager", is_staff=True)
    manager.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "delete_totpdevice"]))
    client.force_login(manager)
    offered = client.get(reverse("admin:auth_user_change", args=[enrolled.pk]))

    client.post(reverse("admin:auth_user_reset_second_factor", args=[enrolled.pk]))

    assert b"Reset second factor" in offered.content
    assert is_in(log_in(enrolled)[0])


def test_only_a_superuser_resets_a_superusers(enrolled, client):
    User.objects.filter(pk=enrolled.pk).update(is_superuser=True)
    manager = User.objects.create_user("manager", is_staff=True)
    manager.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "delete_totpdevice"]))
    client.force_login(manager)

    answer = client.post(reverse("admin:auth_user_reset_second_factor", args=[enrolled.pk]))

    assert answer.status_code == 403
    assert second_factor.device_of(enrolled) is not None


def test_what_happens_to_it_is_in_the_audit_log(clerk, page, caplog):
    caplog.set_level("INFO", logger="products.audit_log")
    client, _ = log_in(clerk)
    client.post(page)
    client.post(page, {"code": code_of(clerk, steps=-1)})
    log_in(clerk, code="x")
    log_in(clerk, code=StaticToken.objects.first().token)
    client.post(page, {"password": PASSWORD, "code": code_of(clerk)})

    events = [record.facts["event"] for record in caplog.records if record.name == "products.audit_log"]
    assert [event for event in events if not event.startswith("login.")] == [
        "admin.entered",
        "second_factor.added",
        "second_factor.failed",
        "second_factor.recovery_code",
        "admin.entered",
        "second_factor.removed",
    ]


def test_nobody_sees_the_secrets_of_others(admin_client):
    for model in ("otp_totp/totpdevice", "otp_static/staticdevice"):
        assert admin_client.get(f"/admin/{model}/").status_code == 404


def test_the_api_does_not_ask_who_has_a_device(enrolled, api, django_assert_num_queries):
    caller = api(enrolled)

    with django_assert_num_queries(2) as queries:  # the token, and the products
        assert caller.get("/api/products").status_code == 200

    assert "otp_" not in str(queries.captured_queries)


@pytest.mark.django_db(transaction=True)
@on_postgresql
def test_two_who_show_the_same_code_at_once_are_not_both_let_in(enrolled):
    code = code_of(enrolled)

    outcomes = side_by_side(*[lambda: is_in(log_in(enrolled, code=code)[0])] * 4)

    assert sorted(outcomes) == [False, False, False, True]


@pytest.mark.django_db(transaction=True)
@on_postgresql
def test_two_clicks_on_set_up_make_one_device(clerk):
    side_by_side(*[lambda: second_factor.set_up(clerk)] * 4)

    assert TOTPDevice.objects.count() == 1
