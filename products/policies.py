"""Permissions: who may do what, for the API and the admin."""

from typing import TYPE_CHECKING, Union

from products.models.order_status import Status

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

Actor = Union["User", "AnonymousUser"]

ADD_ORDERS = "products.add_order"
VIEW_ORDERS = "products.view_order"
CHANGE_ORDERS = "products.change_order"
RESEND_MAIL = "products.resend_mail"
SET_PRICES = "products.set_prices"
VIEW_PRODUCTS = "products.view_product"
ADD_PRODUCTS = "products.add_product"
CHANGE_PRODUCTS = "products.change_product"
ADD_CATEGORIES = "products.add_category"
CHANGE_CATEGORIES = "products.change_category"
DELETE_CATEGORIES = "products.delete_category"
ADJUST_STOCK = "products.add_stockmovement"
VIEW_LEDGER = "products.view_stockmovement"
VIEW_EVENTS = "products.view_event"
VIEW_WEBHOOKS = "products.view_webhookendpoint"
ADD_WEBHOOKS = "products.add_webhookendpoint"
CHANGE_WEBHOOKS = "products.change_webhookendpoint"
DELETE_WEBHOOKS = "products.delete_webhookendpoint"
VIEW_CUSTOMERS = "auth.view_user"
ADD_CUSTOMERS = "auth.add_user"
CHANGE_CUSTOMERS = "auth.change_user"
RESET_SECOND_FACTORS = "otp_totp.delete_totpdevice"

CUSTOMER_TRANSITIONS = frozenset({Status.CANCELLED})
"""The transitions that customers may make with their own orders; all others need CHANGE_ORDERS."""


def is_staff_with(user: Actor, permission: str) -> bool:
    """Return whether the user is staff and has the model permission, such as "products.change_order"."""
    return user.is_staff and user.has_perm(permission)


def may_order_for(user: Actor, customer_id: int) -> bool:
    """Return whether the user may place an order for customer `customer_id`.

    Staff also need the permission to see all orders, because the response to a retry is an order that somebody else may
    have placed.
    """
    return customer_id == user.pk or (is_staff_with(user, ADD_ORDERS) and is_staff_with(user, VIEW_ORDERS))


def may_set_prices(user: Actor) -> bool:
    """Return whether the user may place orders with prices, discounts and shipping of their own."""
    return is_staff_with(user, SET_PRICES)


def may_see_all_orders(user: Actor) -> bool:
    """Return whether the user sees every order, not only their own."""
    return is_staff_with(user, VIEW_ORDERS)


def may_change_status(user: Actor, customer_id: int, to: Status) -> bool:
    """Return whether the user may bring an order of customer `customer_id` to the status `to`."""
    own = customer_id == user.pk
    return (own and to in CUSTOMER_TRANSITIONS) or is_staff_with(user, CHANGE_ORDERS)


def may_reset_second_factor(user: Actor, of: "User") -> bool:
    """Return whether the user may remove the second factor of `of`; a superuser's only a superuser may."""
    return is_staff_with(user, RESET_SECOND_FACTORS) and (user.is_superuser or not of.is_superuser)
