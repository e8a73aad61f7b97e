"""Staff roles: groups with the permissions for one job. docs/backoffice.md describes each of them."""

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from products import policies

VIEWER = frozenset(
    {
        "products.view_product",
        "products.view_category",
        "products.view_orderline",
        "products.view_shipment",
        "products.view_cancellation",
        "products.view_return",
        "products.view_refund",
        "products.view_event",
        policies.VIEW_ORDERS,
        policies.VIEW_LEDGER,
    }
)

CLERK = VIEWER | {
    policies.ADD_ORDERS,
    policies.CHANGE_ORDERS,
    policies.VIEW_CUSTOMERS,
    policies.ADD_CUSTOMERS,
    "products.view_address",
    "products.change_address",
    "products.view_mail",
    policies.RESEND_MAIL,
}

STOCK_KEEPER = VIEWER | {policies.ADJUST_STOCK}

MANAGER = (
    CLERK
    | STOCK_KEEPER
    | {
        policies.SET_PRICES,
        policies.ADD_PRODUCTS,
        policies.CHANGE_PRODUCTS,
        policies.ADD_CATEGORIES,
        policies.CHANGE_CATEGORIES,
        policies.DELETE_CATEGORIES,
        policies.CHANGE_CUSTOMERS,
        policies.RESET_SECOND_FACTORS,
        "products.delete_address",
        "products.view_apitoken",
        "products.add_apitoken",
        "products.change_apitoken",
    }
)

ROLES: dict[str, frozenset[str]] = {
    "Viewer": VIEWER,
    "Clerk": CLERK,
    "Stock keeper": STOCK_KEEPER,
    "Manager": MANAGER,
}
"""{name of the group: its permissions}"""


class MissingPermissions(Exception):
    """Permissions of a role that the database does not have."""


def create() -> dict[str, list[str]]:
    """Create the groups and grant their missing permissions; return the granted permissions by group.

    Permissions that an operator has added stay. Raises MissingPermissions.
    """
    known = {_name_of(each): each for each in Permission.objects.select_related("content_type")}
    if missing := sorted(frozenset().union(*ROLES.values()) - known.keys()):
        raise MissingPermissions(", ".join(missing))
    granted = {}
    with transaction.atomic():
        for role, permissions in ROLES.items():
            group, _ = Group.objects.get_or_create(name=role)
            granted[role] = sorted(permissions - _names_of(group))
            group.permissions.add(*[known[name] for name in granted[role]])
    return granted


def additions() -> dict[str, list[str]]:
    """Return the permissions that a role's group has and that are not the role's, by group."""
    return {group.name: sorted(_names_of(group) - ROLES[group.name]) for group in Group.objects.filter(name__in=ROLES)}


def _names_of(group: Group) -> set[str]:
    return {_name_of(each) for each in group.permissions.select_related("content_type")}


def _name_of(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
