"""How staff move a product's stock, and take the product off sale: forms before the verbs of Product."""

from typing import Any
from uuid import uuid4

from django import forms

from products.admin.verbs import Verb
from products.models import DomainError, IdempotencyKeyConflict, Product
from products.models.stock import MAX_STOCK

MOVE_STOCK = "products.add_stockmovement"
CHANGE = "products.change_product"


class Note(forms.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=200, widget=forms.TextInput(attrs={"class": "vTextField"}), **options)


class StockVerb(Verb[Product]):
    permission = MOVE_STOCK

    # A second click, or the page sent once more, is the same request again and moves nothing.
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, thing: Product, data: Any = None) -> None:
        super().__init__(thing, data)
        self.fields["key"].initial = uuid4().hex

    def show(self, refusal: DomainError) -> None:
        if isinstance(refusal, IdempotencyKeyConflict):
            self.add_error(
                None, "This page was sent before with something else in it. If you mean both, send it again."
            )
        else:
            super().show(refusal)
        # The next try is another request.
        self.data = dict(self.data.items(), key=uuid4().hex)

    def perform(self, by: Any) -> str:
        return self.move(by=by, **self.cleaned_data)

    def move(self, **said: Any) -> str:
        raise NotImplementedError


class Receive(StockVerb):
    name, label = "receive", "Receive"
    explanation = "Goods came in."

    quantity = forms.IntegerField(min_value=1, max_value=MAX_STOCK, help_text="How many pieces came in.")
    note = Note(required=False, help_text="Such as the number of the delivery note.")

    def move(self, **said: Any) -> str:
        self.thing.receive(**said)
        return f"Received {said['quantity']} of {self.thing}; now there are {self.thing.stock}."


class Correct(StockVerb):
    name, label = "correct", "Correct"
    explanation = "Pieces were lost, broken or found."

    delta = forms.IntegerField(
        label="Difference",
        min_value=-MAX_STOCK,
        max_value=MAX_STOCK,
        help_text="-3 takes three pieces away, 3 adds three.",
    )
    note = Note(help_text="What happened to them.")

    def move(self, **said: Any) -> str:
        self.thing.correct(**said)
        return f"Corrected {self.thing} by {said['delta']:+d}; now there are {self.thing.stock}."


class Count(StockVerb):
    name, label = "count", "Count"
    explanation = "Somebody counted the pieces. What is sold already and waits for its parcel does not count."

    counted = forms.IntegerField(min_value=0, max_value=MAX_STOCK, help_text="How many pieces can be sold.")
    note = Note(required=False)
    # What the page showed, so that a count begun before a sale cannot bring the sold pieces back.
    expected = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, thing: Product, data: Any = None) -> None:
        super().__init__(thing, data)
        self.fields["expected"].initial = thing.stock

    def move(self, **said: Any) -> str:
        movement = self.thing.count(**said)
        if movement is None:
            return f"Counted {self.thing}: there are {self.thing.stock}, as there should be."
        return f"Counted {self.thing}: {movement.delta:+d}, so now there are {self.thing.stock}."

    def show(self, refusal: DomainError) -> None:
        super().show(refusal)
        # The next try is about the stock that this page shows.
        self.data = dict(self.data.items(), expected=self.thing.stock)


class Retire(Verb[Product]):
    name, label, permission = "retire", "Retire", CHANGE
    explanation = "It is no longer sold. Its stock and its history stay, and it can be brought back."

    @classmethod
    def is_offered(cls, thing: Product) -> bool:
        return thing.retired_at is None

    def perform(self, by: Any) -> str:
        self.thing.retire(by=by)
        return f"{self.thing} is no longer sold."


class BringBack(Verb[Product]):
    name, label, permission = "bring_back", "Bring back", CHANGE
    explanation = "It is sold again."

    @classmethod
    def is_offered(cls, thing: Product) -> bool:
        return thing.retired_at is not None

    def perform(self, by: Any) -> str:
        self.thing.bring_back(by=by)
        return f"{self.thing} is sold again."
