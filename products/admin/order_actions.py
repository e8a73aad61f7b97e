"""Actions on a whole order: its payment and its delivery."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms

from products import policies
from products.admin.actions import ObjectAction
from products.models import TRANSITIONS, Order, Status
from products.order_numbers import format_number


class OptionalTextField(forms.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=forms.TextInput(attrs={"class": "vTextField"}), **options)


class OrderAction(ObjectAction[Order]):
    """An action that brings an order to `status` through `verb`, a method of Order."""

    permission = policies.CHANGE_ORDERS
    status: ClassVar[Status]
    verb: ClassVar[Callable[..., Any]]

    @classmethod
    def is_available(cls, obj: Order) -> bool:
        return cls.status in TRANSITIONS.get(obj.status, ())

    def execute(self, by: Any) -> str:
        self.verb(self.obj, by=by, **self.cleaned_data)
        return described(self.obj)


class Pay(OrderAction):
    name, label, status = "pay", "Mark as paid", Status.PAID
    verb = staticmethod(Order.pay)

    reference = OptionalTextField(max_length=200, help_text="The reference of the payment.")

    @classmethod
    def is_available(cls, obj: Order) -> bool:
        return obj.status != Status.EXPIRED and super().is_available(obj)


class PayLate(OrderAction):
    name, label, status = "pay-late", "Accept late payment", Status.PAID
    explanation = "The stock is taken again, if it is still there."

    reference = OptionalTextField(max_length=200, help_text="The reference of the payment.")

    @staticmethod
    def verb(order: Order, *, reference: str, by: Any) -> None:
        order.pay(reference=reference, late=True, by=by)

    @classmethod
    def is_available(cls, obj: Order) -> bool:
        return obj.status == Status.EXPIRED


class Deliver(OrderAction):
    name, label, status = "deliver", "Mark as delivered", Status.DELIVERED
    verb = staticmethod(Order.deliver)


def described(order: Order) -> str:
    """Return a sentence about an order after an action on it."""
    return f"Order {format_number(order.number)} is {order.get_status_display()}."
