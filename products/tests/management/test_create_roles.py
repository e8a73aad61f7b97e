import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command

from products import policies
from products.management.roles import ROLES

pytestmark = pytest.mark.django_db


def create_roles(capsys):
    call_command("create_roles")
    return capsys.readouterr().out.splitlines()


def in_role(role):
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def test_the_groups_have_exactly_the_permissions_of_their_roles(capsys):
    printed = create_roles(capsys)

    assert [line.partition(": granted ")[0] for line in printed] == list(ROLES)
    assert {role: in_role(role).get_all_permissions() for role in ROLES} == ROLES


def test_running_it_again_changes_nothing(capsys):
    create_roles(capsys)

    assert create_roles(capsys) == [f"{role}: unchanged" for role in ROLES]


def test_a_missing_permission_is_granted_again_and_an_added_one_stays(capsys):
    create_roles(capsys)
    clerk = Group.objects.get(name="Clerk")
    clerk.permissions.remove(Permission.objects.get(codename="change_order"))
    clerk.permissions.add(Permission.objects.get(codename="set_prices"))

    printed = create_roles(capsys)

    assert "Clerk: granted products.change_order" in printed
    assert "Clerk: also has products.set_prices, which stays" in printed
    assert in_role("Clerk").has_perms(["products.change_order", "products.set_prices"])


def test_a_database_without_a_permission_is_told_so_and_stays_as_it_is(capsys):
    Permission.objects.filter(codename="set_prices").delete()

    with pytest.raises(CommandError, match=r"does not have these permissions: products\.set_prices\. Run migrate"):
        create_roles(capsys)

    assert Group.objects.count() == 0


def test_no_role_makes_staff_or_changes_groups(capsys):
    create_roles(capsys)

    granted = frozenset().union(*ROLES.values())
    assert not [name for name in granted if name.startswith("auth.") and "group" in name]
    assert policies.CHANGE_CUSTOMERS in ROLES["Manager"]  # of customers: staff accounts are a superuser's
    assert "auth.delete_user" not in granted


def test_the_documentation_lists_what_each_role_may_do():
    text = Path(settings.BASE_DIR, "docs/backoffice.md").read_text()

    rows = re.findall(r"(?m)^\| [^|]+ \| `([a-z_.`, ]+)` \| (.+) \|$", text)
    documented = {role: set() for role in ROLES}
    for permissions, marks in rows:
        for role, mark in zip(ROLES, marks.split(" | "), strict=True):
            documented[role] |= set(permissions.split("`, `")) if mark == "yes" else set()

    assert documented == ROLES
