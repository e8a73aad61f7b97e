"""Stock: the actions with which staff adjust it, and the ledger."""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminIntegerFieldWidget

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

    # A second click, or a form that the browser resends, has the same key and moves nothing.
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
        # The next attempt needs a new key.
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
    """A count of the shelf. It is based on the stock that the page showed; after a refusal it must be entered again."""

    name, label = "count", "Count"
    explanation = "Enter the result of a stock count. Count every piece, also those that are sold and not yet shipped."

    # Without autocomplete, because a browser would restore an older count beside the current expected stock.
    counted = forms.IntegerField(min_value=0, widget=AdminIntegerFieldWidget(attrs={"autocomplete": "off"}))
    note = NoteField(required=False)
    expected = forms.IntegerField(widget=forms.HiddenInput(attrs={"autocomplete": "off"}))

    def __init__(self, obj: Product, data: Any = None) -> None:
        super().__init__(obj, data)
        self._show_shelf()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.errors and cleaned.get("expected") != self.shelf.total:
            # The page is shown again with newer numbers than those that this count was based on.
            self._clear_count()
        return cleaned

    def adjust(self, **arguments: Any) -> str:
        movement = self.obj.count_shelf(arguments.pop("counted"), **arguments)
        if movement is None:
            return f"Counted {self.obj}. The stock of {self.obj.stock} is correct."
        return f"Counted {self.obj}: {movement.delta:+d}. Stock is now {self.obj.stock}."

    def add_domain_error(self, error: DomainError) -> None:
        super().add_domain_error(error)
        self._show_shelf()
        self._clear_count()

    def _show_shelf(self) -> None:
        self.shelf = self.obj.shelf()
        self.fields["expected"].initial = self.shelf.total
        self.fields["counted"].help_text = f"On the shelf: {self.shelf}."

    def _clear_count(self) -> None:
        """Empty the form's count, so that nobody sends this page again without looking at the new numbers."""
        self.data = dict(self.data.items(), expected=self.shelf.total, counted="")


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyMixin, admin.ModelAdmin):
    """The stock ledger."""

    fields = ("at", "product", "delta", "reason", "order", "by", "note")
    list_display = ("at", "sku", "delta", "reason", "by", "note", "order")
    list_filter = ["reason"]
    list_select_related = ["product", "line", "by"]
    search_fields = ["product__sku", "product__name"]
    # The id gives the same order as the timestamp and is indexed, which a long ledger needs.
    ordering = ["-id"]
    show_full_result_count = False

    @admin.display(description="SKU")
    def sku(self, movement: StockMovement) -> str:
        return movement.product.sku

    @admin.display(empty_value="-")
    def order(self, movement: StockMovement) -> UUID | None:
        return movement.line.order_id if movement.line else None
