"""Whoever may change people makes no more of themselves by it."""

import pytest
from django.contrib.auth.models import Group, Permission, User

pytestmark = pytest.mark.django_db

MAY = ["view_user", "add_user", "change_user", "delete_user", "view_group", "add_group", "change_group", "delete_group"]
RIGHTS = {"is_staff": "on", "is_superuser": "on", "user_permissions": ["1"], "groups": ["1"]}


@pytest.fixture
def reception(client_of, staff_with):
    """Somebody at the reception, who looks after the people."""
    clerk = staff_with()
    clerk.user_permissions.set(Permission.objects.filter(codename__in=MAY))
    return client_of(clerk)


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss", password="correct horse battery")


def page(person, verb="change"):
    return f"/admin/auth/user/{person.pk}/{verb}/"


def form(person, **fields):
    moment = {"date_joined_0": "2026-01-31", "date_joined_1": "12:00:00"}
    return {"username": person.username, "is_active": "on", **moment, **fields}


def refreshed(person):
    return User.objects.get(pk=person.pk)


def test_a_customer_is_renamed_and_deactivated_and_given_a_password(reception, alice):
    renamed = reception.post(page(alice), form(alice, first_name="Alice", is_active=""))
    words = {"password1": "correct horse battery", "password2": "correct horse battery", "usable_password": "true"}
    given = reception.post(page(alice, "password"), words)

    assert (renamed.status_code, given.status_code) == (302, 302)
    assert (refreshed(alice).first_name, refreshed(alice).is_active) == ("Alice", False)
    assert refreshed(alice).check_password("correct horse battery")


def test_only_a_superuser_grants_permissions(reception, alice):
    Group.objects.create(pk=1, name="Everything")

    reception.post(page(alice), form(alice, first_name="Alice", **RIGHTS))

    assert refreshed(alice).first_name == "Alice"
    assert (refreshed(alice).is_staff, refreshed(alice).is_superuser) == (False, False)
    assert not refreshed(alice).user_permissions.exists()
    assert not refreshed(alice).groups.exists()


@pytest.mark.parametrize("whom", ["boss", "staff", "clerk"])
def test_only_a_superuser_changes_staff_accounts(whom, reception, boss, staff):
    person = User.objects.get(username=whom)
    words = {"password1": "an attacker's word", "password2": "an attacker's word", "usable_password": "true"}

    changed = reception.post(page(person), form(person, first_name="Owned", **RIGHTS))
    given = reception.post(page(person, "password"), words)
    deleted = reception.post(page(person, "delete"), {"post": "yes"})
    reception.post("/admin/auth/user/", {"action": "delete_selected", "_selected_action": [person.pk], "post": "yes"})

    assert {changed.status_code, given.status_code, deleted.status_code} == {403}
    assert refreshed(person).first_name == ""
    assert refreshed(person).password == person.password
    assert refreshed(person).is_superuser == (whom == "boss")


def test_a_new_user_is_a_customer(reception):
    words = {"password1": "correct horse battery", "password2": "correct horse battery", "usable_password": "true"}

    reception.post("/admin/auth/user/add/", {"username": "carol", **words, **RIGHTS})

    carol = User.objects.get(username="carol")
    assert (carol.is_staff, carol.is_superuser, carol.user_permissions.count()) == (False, False, 0)


def test_only_a_superuser_changes_groups(reception):
    group = Group.objects.create(name="Reception")

    looked = reception.get(f"/admin/auth/group/{group.pk}/change/").status_code
    changed = reception.post(f"/admin/auth/group/{group.pk}/change/", {"name": "Owned", "permissions": ["1"]})
    added = reception.post("/admin/auth/group/add/", {"name": "Owned", "permissions": ["1"]})
    deleted = reception.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})

    assert looked == 200
    assert {changed.status_code, added.status_code, deleted.status_code} == {403}
    assert list(Group.objects.values_list("name", flat=True)) == ["Reception"]


def test_a_superuser_changes_names_and_permissions_of_staff(client_of, boss, staff):
    client = client_of(boss)

    client.post(page(staff), form(staff, first_name="Sam", is_staff="on", is_superuser="on"))

    assert (refreshed(staff).first_name, refreshed(staff).is_superuser) == ("Sam", True)
