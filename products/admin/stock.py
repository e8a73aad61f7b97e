"""Stock: the actions that staff adjust it with, and the ledger."""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin

from products import policies
from products.admin.actions import ObjectAction, ReadOnlyMixin
from products.exceptions import DomainError, IdempotencyKeyConflict
from products.models import Product, StockMovement
from products.models.stock import MAX_STOCK


class NoteField(forms.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=200, widget=forms.TextInput(attrs={"class": "vTextField"}), **options)


class StockAction(ObjectAction[Product]):
    """An action that adjusts the stock of one product."""

    permission = policies.ADJUST_STOCK

    # A second click, or a form that the browser sends again, is the same request and moves nothing.
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, obj: Product, data: Any = None) -> None:
        super().__init__(obj, data)
        self.fields["key"].initial = uuid4().hex

    def add_domain_error(self, error: DomainError) -> None:
        if isinstance(error, IdempotencyKeyConflict):
            self.add_error(
                None, "This form was already sent with different values. If you want both changes, send it again."
            )
        else:
            super().add_domain_error(error)
        # The next attempt is another request.
        self.data = dict(self.data.items(), key=uuid4().hex)

    def execute(self, by: Any) -> str:
        return self.adjust(by=by, **self.cleaned_data)

    def adjust(self, **arguments: Any) -> str:
        """Adjust the stock and return a sentence that says what was done. Raises DomainError."""
        raise NotImplementedError


class Receive(StockAction):
    name, label = "receive", "Receive"
    explanation = "Book a delivery into stock."

    quantity = forms.IntegerField(min_value=1, max_value=MAX_STOCK, help_text="Number of pieces delivered.")
    note = NoteField(required=False, help_text="For example, the number of the delivery note.")

    def adjust(self, **arguments: Any) -> str:
        self.obj.receive(**arguments)
        return f"Received {arguments['quantity']} of {self.obj}. Stock is now {self.obj.stock}."


class Correct(StockAction):
    name, label = "correct", "Correct"
    explanation = "Adjust the stock for pieces that were lost, broken or found."

    delta = forms.IntegerField(
        label="Difference",
        min_value=-MAX_STOCK,
        max_value=MAX_STOCK,
        help_text="-3 removes three pieces, 3 adds three.",
    )
    note = NoteField(help_text="The reason for the correction.")

    def adjust(self, **arguments: Any) -> str:
        self.obj.correct(**arguments)
        return f"Corrected {self.obj} by {arguments['delta']:+d}. Stock is now {self.obj.stock}."


class Count(StockAction):
    name, label = "count", "Count"
    explanation = "Enter the result of a stock count. Do not count pieces that are sold and wait to be shipped."

    counted = forms.IntegerField(min_value=0, max_value=MAX_STOCK, help_text="Number of pieces that can be sold.")
    note = NoteField(required=False)
    # The stock that the page showed, so that a count begun before a sale cannot bring the sold pieces back.
    expected = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, obj: Product, data: Any = None) -> None:
        super().__init__(obj, data)
        self.fields["expected"].initial = obj.stock

    def adjust(self, **arguments: Any) -> str:
        movement = self.obj.count(**arguments)
        if movement is None:
            return f"Counted {self.obj}. The stock of {self.obj.stock} is correct."
        return f"Counted {self.obj}: {movement.delta:+d}. Stock is now {self.obj.stock}."

    def add_domain_error(self, error: DomainError) -> None:
        super().add_domain_error(error)
        # The next attempt is based on the stock that this page shows.
        self.data = dict(self.data.items(), expected=self.obj.stock)


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyMixin, admin.ModelAdmin):
    """The stock ledger."""

    fields = ("at", "product", "delta", "reason", "order", "by", "note")
    list_display = ("at", "sku", "delta", "reason", "by", "note", "order")
    list_filter = ["reason"]
    list_select_related = ["product", "line", "by"]
    search_fields = ["product__sku", "product__name"]
    # The same order as by timestamp, and indexed: a ledger is long.
    ordering = ["-id"]
    show_full_result_count = False

    @admin.display(description="SKU")
    def sku(self, movement: StockMovement) -> str:
        return movement.product.sku

    @admin.display(empty_value="-")
    def order(self, movement: StockMovement) -> UUID | None:
        return movement.line.order_id if movement.line else None
