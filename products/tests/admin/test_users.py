"""The right to change users is not a way to gain more permissions."""

import pytest
from django.contrib.auth.models import Group, Permission, User

pytestmark = pytest.mark.django_db

PERMISSIONS = [
    "view_user",
    "add_user",
    "change_user",
    "delete_user",
    "view_group",
    "add_group",
    "change_group",
    "delete_group",
]
PERMISSION_FIELDS = {"is_staff": "on", "is_superuser": "on", "user_permissions": ["1"], "groups": ["1"]}


@pytest.fixture
def user_manager(client_of, staff_with):
    """A client of a staff user with every permission for users and groups."""
    clerk = staff_with()
    clerk.user_permissions.set(Permission.objects.filter(codename__in=PERMISSIONS))
    return client_of(clerk)


@pytest.fixture
def superuser(db):
    return User.objects.create_superuser("superuser", password="correct horse battery")


def page(person, verb="change"):
    return f"/admin/auth/user/{person.pk}/{verb}/"


def form(person, **fields):
    moment = {"date_joined_0": "2026-01-31", "date_joined_1": "12:00:00"}
    return {"username": person.username, "is_active": "on", **moment, **fields}


def refreshed(person):
    return User.objects.get(pk=person.pk)


def test_a_customer_is_renamed_and_deactivated_and_password_set_a_password(user_manager, alice):
    renamed = user_manager.post(page(alice), form(alice, first_name="Alice", is_active=""))
    passwords = {"password1": "correct horse battery", "password2": "correct horse battery", "usable_password": "true"}
    password_set = user_manager.post(page(alice, "password"), passwords)

    assert (renamed.status_code, password_set.status_code) == (302, 302)
    assert (refreshed(alice).first_name, refreshed(alice).is_active) == ("Alice", False)
    assert refreshed(alice).check_password("correct horse battery")


def test_only_a_superuser_grants_permissions(user_manager, alice):
    Group.objects.create(pk=1, name="Everything")

    user_manager.post(page(alice), form(alice, first_name="Alice", **PERMISSION_FIELDS))

    assert refreshed(alice).first_name == "Alice"
    assert (refreshed(alice).is_staff, refreshed(alice).is_superuser) == (False, False)
    assert not refreshed(alice).user_permissions.exists()
    assert not refreshed(alice).groups.exists()


@pytest.mark.parametrize("username", ["superuser", "staff", "clerk"])
def test_only_a_superuser_changes_staff_accounts(username, user_manager, superuser, staff):
    person = User.objects.get(username=username)
    passwords = {"password1": "an attacker's word", "password2": "an attacker's word", "usable_password": "true"}

    changed = user_manager.post(page(person), form(person, first_name="Owned", **PERMISSION_FIELDS))
    password_set = user_manager.post(page(person, "password"), passwords)
    deleted = user_manager.post(page(person, "delete"), {"post": "yes"})
    user_manager.post(
        "/admin/auth/user/", {"action": "delete_selected", "_selected_action": [person.pk], "post": "yes"}
    )

    assert {changed.status_code, password_set.status_code, deleted.status_code} == {403}
    assert refreshed(person).first_name == ""
    assert refreshed(person).password == person.password
    assert refreshed(person).is_superuser == (username == "superuser")


def test_a_new_user_is_a_customer(user_manager):
    passwords = {"password1": "correct horse battery", "password2": "correct horse battery", "usable_password": "true"}

    user_manager.post("/admin/auth/user/add/", {"username": "carol", **passwords, **PERMISSION_FIELDS})

    carol = User.objects.get(username="carol")
    assert (carol.is_staff, carol.is_superuser, carol.user_permissions.count()) == (False, False, 0)


def test_only_a_superuser_changes_groups(user_manager):
    group = Group.objects.create(name="Reception")

    viewed = user_manager.get(f"/admin/auth/group/{group.pk}/change/").status_code
    changed = user_manager.post(f"/admin/auth/group/{group.pk}/change/", {"name": "Owned", "permissions": ["1"]})
    added = user_manager.post("/admin/auth/group/add/", {"name": "Owned", "permissions": ["1"]})
    deleted = user_manager.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})

    assert viewed == 200
    assert {changed.status_code, added.status_code, deleted.status_code} == {403}
    assert list(Group.objects.values_list("name", flat=True)) == ["Reception"]


def test_a_superuser_changes_names_and_permissions_of_staff(client_of, superuser, staff):
    client = client_of(superuser)

    client.post(page(staff), form(staff, first_name="Sam", is_staff="on", is_superuser="on"))

    assert (refreshed(staff).first_name, refreshed(staff).is_superuser) == ("Sam", True)
