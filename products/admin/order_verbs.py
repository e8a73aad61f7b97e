"""How staff move an order: forms before the verbs of Order."""

from typing import Any, ClassVar

from django import forms

from products.admin.verbs import Verb
from products.models import TRANSITIONS, Order, Status

MOVE_ORDERS = "products.change_order"


class Text(forms.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=forms.TextInput(attrs={"class": "vTextField"}), **options)


class OrderVerb(Verb[Order]):
    permission = MOVE_ORDERS
    becomes: ClassVar[Status]

    @classmethod
    def is_offered(cls, thing: Order) -> bool:
        return cls.becomes in TRANSITIONS.get(thing.status, ())

    def perform(self, by: Any) -> str:
        self.move(by=by, **self.cleaned_data)
        return f"Order {self.thing.pk} is {self.thing.get_status_display()}."

    def move(self, **said: Any) -> None:
        raise NotImplementedError


class Pay(OrderVerb):
    name, label, becomes = "pay", "Mark as paid", Status.PAID

    reference = Text(max_length=200, help_text="What the payment can be found by.")

    def move(self, **said: Any) -> None:
        self.thing.pay(**said)


class Ship(OrderVerb):
    name, label, becomes = "ship", "Mark as shipped", Status.SHIPPED

    carrier = Text(max_length=100)
    tracking_number = Text(max_length=100)

    def move(self, **said: Any) -> None:
        self.thing.ship(**said)


class Deliver(OrderVerb):
    name, label, becomes = "deliver", "Mark as delivered", Status.DELIVERED

    def move(self, **said: Any) -> None:
        self.thing.deliver(**said)


class Cancel(OrderVerb):
    name, label, becomes = "cancel", "Cancel the order", Status.CANCELLED
    explanation = "The goods go back on the shelf. This cannot be undone."

    def move(self, **said: Any) -> None:
        self.thing.cancel(**said)


class TakeBack(OrderVerb):
    name, label, becomes = "return", "Take the goods back", Status.RETURNED
    explanation = "The customer sent the goods back, and they can be sold again. This cannot be undone."

    def move(self, **said: Any) -> None:
        self.thing.return_goods(**said)
