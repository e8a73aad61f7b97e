"""Actions on single lines of an order: ship, cancel, take back and refund them, and correct a tracking number."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple
from uuid import uuid4

from django import forms
from django.urls import reverse

from products import policies
from products.admin.actions import ObjectAction
from products.admin.order_actions import OptionalTextField, described
from products.exceptions import DomainError, IdempotencyKeyConflict
from products.models import Cancellation, Order, OrderLine, Refund, Return, Shipment, Status
from products.models.order_lines import MAX_PER_LINE
from products.ordering.fulfilment import CANCEL, RETURN, SHIP, Kind
from products.ordering.pricing import refundable
from products.ordering.refunds import refunded_pieces
from products.validators import validators_of

QUANTITY, RESTOCKED = "q", "r"
"""The fields of a line, before its position in the order: lines of a placed order stay as they are."""


class Row(NamedTuple):
    """A line of the order with its fields, as the form shows it."""

    line: OrderLine
    left: int
    fields: list[Any]
    errors: list[str]


class PartsAction(ObjectAction[Order]):
    """An action on some lines of an order, with a quantity for each. Sending the same form again does nothing."""

    permission = policies.CHANGE_ORDERS
    template = "admin/products/parts_action.html"
    participle: ClassVar[str]
    columns: ClassVar[Mapping[str, str]] = {QUANTITY: "Quantity"}
    """The headings of the fields of a line."""

    # A second click, or a form that the browser resends, has the same key and does nothing.
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, obj: Order, data: Any = None) -> None:
        super().__init__(obj, data)
        self.fields["key"].initial = uuid4().hex
        self.fields["key"].required = False  # For scripts, which send no key.
        self.read_lines()
        for position, line in enumerate(self.lines):
            for column, heading in self.columns.items():
                self.fields[f"{column}{position}"] = forms.IntegerField(
                    required=False,
                    min_value=0,
                    max_value=MAX_PER_LINE,
                    initial=self.proposed(column, line),
                    widget=forms.NumberInput(
                        attrs={"class": "vIntegerField", "aria-label": f"{heading}, {line.sku}", "autocomplete": "off"}
                    ),
                )
        self.positions: list[int] = []
        if (first := next((name for name in self.fields if self._is_shown(name)), None)) is not None:
            self.begin_at(first)

    def read_lines(self) -> None:
        """Read the current lines."""
        self.lines: list[OrderLine] = list(self.obj.lines.all())
        for line in self.lines:
            line.order = self.obj

    def left(self, line: OrderLine) -> int:
        """Return the maximum quantity for the line."""
        raise NotImplementedError

    def proposed(self, column: str, line: OrderLine) -> int | None:
        """Return the initial value of a line's field: all remaining pieces as its quantity, None for other columns."""
        return self.left(line) if column == QUANTITY else None

    def rows(self) -> Iterator[Row]:
        """Yield the lines with remaining pieces, and those with an error."""
        for position, line in enumerate(self.lines):
            fields = [self[f"{column}{position}"] for column in self.columns]
            errors = [str(error) for field in fields for error in field.errors]
            if self.left(line) or errors:
                yield Row(line, self.left(line), fields, errors)

    def details(self) -> Iterator[Any]:
        """Yield the visible fields that do not belong to a line."""
        of_lines = {f"{column}{position}" for column in self.columns for position in range(len(self.lines))}
        return (field for field in self.visible_fields() if field.name not in of_lines)

    @property
    def headings(self) -> list[str]:
        return list(self.columns.values())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and self.names_lines and self.parts() == []:
            self.add_error(None, "Enter a quantity for at least one line.")
        return cleaned

    @property
    def names_lines(self) -> bool:
        """True if quantities were sent. Without any, as from a script, the action applies to all remaining pieces."""
        return any(f"{QUANTITY}{position}" in self.data for position in range(len(self.lines)))

    def parts(self) -> list[Sequence[Any]] | None:
        """Return the lines as arguments for the methods of Order; None means all remaining pieces."""
        if not self.names_lines:
            return None
        parts, self.positions = list[Sequence[Any]](), []
        for position, line in enumerate(self.lines):
            if quantity := self.cleaned_data.get(f"{QUANTITY}{position}"):
                parts.append((line, quantity, *self.further(position)))
                self.positions.append(position)
        return parts

    def further(self, position: int) -> Sequence[Any]:
        """Return the values that follow the quantity in a line of the request."""
        return ()

    def values(self) -> dict[str, Any]:
        """Return the other arguments of the method."""
        return {field.name: self.cleaned_data[field.name] for field in self.details()}

    def add_domain_error(self, error: DomainError) -> None:
        self.read_lines()
        if isinstance(error, IdempotencyKeyConflict):
            self.add_error(
                None,
                "This form was already sent with different values. If you want both, look at it and send it again.",
            )
            self.data = dict(self.data.items(), key=uuid4().hex)  # The next attempt needs a new key.
            return
        for violation in error.violations:
            for position in violation.positions:
                self.add_error(f"{QUANTITY}{self.positions[position]}", violation.detail)
            if not violation.positions:
                self.add_error(violation.about if violation.about in self.fields else None, violation.detail)

    def _is_shown(self, name: str) -> bool:
        return name[0] == QUANTITY and name[1:].isdigit() and bool(self.left(self.lines[int(name[1:])]))


class KindAction(PartsAction):
    """An action that fulfils lines: a shipment, a cancellation or a return."""

    kind: ClassVar[Kind]

    @classmethod
    def is_available(cls, obj: Order) -> bool:
        return obj.status in cls.kind.open_in and any(cls.kind.left(line) for line in obj.lines.all())

    def left(self, line: OrderLine) -> int:
        return self.kind.left(line) if self.obj.status in self.kind.open_in else 0

    def execute(self, by: Any) -> str:
        row = self.fulfil(lines=self.parts(), by=by, key=self.cleaned_data["key"] or None, **self.values())
        self.is_replay = row is not None and row.replayed
        return described(self.obj)

    def fulfil(self, **arguments: Any) -> Any:
        """Call the method and return the row that it created."""
        raise NotImplementedError


class Ship(KindAction):
    name, label, kind, participle = "ship", "Ship", SHIP, "to be shipped"
    explanation = "Enter what is in this parcel; the rest can follow in another one."
    further_buttons: ClassVar[Mapping[str, str]] = {"_print": "Ship and print the packing slip"}
    shipment: Shipment | None = None

    carrier = OptionalTextField(max_length=100)
    tracking_number = OptionalTextField(max_length=100)

    def fulfil(self, **arguments: Any) -> Shipment:
        self.shipment = self.obj.ship(**arguments)
        return self.shipment

    def success_url(self) -> str | None:
        if "_print" in self.data and self.shipment is not None:
            return reverse("admin:products_order_shipment_slip", args=[self.obj.pk, self.shipment.number])
        return None


class Cancel(KindAction):
    name, label, kind, participle = "cancel", "Cancel", CANCEL, "can be cancelled"
    explanation = "The stock is put back. This cannot be undone."

    reason = OptionalTextField(max_length=200)

    @classmethod
    def is_available(cls, obj: Order) -> bool:
        return obj.status == Status.CART or super().is_available(obj)

    def read_lines(self) -> None:
        super().read_lines()
        if self.obj.status == Status.CART:
            self.lines = []  # A cart can only be cancelled as a whole.

    def fulfil(self, **arguments: Any) -> Cancellation | None:
        return self.obj.cancel(**arguments)


class ReturnGoods(KindAction):
    name, label, kind, participle = "return", "Return", RETURN, "shipped and not back"
    explanation = (
        "Enter what came back, and how many of the pieces can be sold again; all of them, if that is left empty. This "
        "cannot be undone."
    )
    columns: ClassVar[Mapping[str, str]] = {QUANTITY: "Came back", RESTOCKED: "Back on the shelf"}

    def further(self, position: int) -> Sequence[Any]:
        restocked = self.cleaned_data.get(f"{RESTOCKED}{position}")
        return () if restocked is None else (restocked,)

    def fulfil(self, **arguments: Any) -> Return:
        return self.obj.return_goods(**arguments)


class RefundMoney(PartsAction):
    """Records a refund of the entered amount or, without one, of the entered pieces."""

    name, label, participle = "refund", "Refund", "not refunded"
    explanation = (
        "Record that money was paid back, which is done elsewhere: for pieces, at what they cost, or an amount. At "
        "first the pieces are proposed that came back or were cancelled."
    )

    amount = forms.DecimalField(
        required=False,
        max_digits=16,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        help_text="Instead of pieces: the quantities above are ignored.",
        widget=forms.TextInput(attrs={"class": "vTextField", "inputmode": "decimal", "autocomplete": "off"}),
    )
    reference = OptionalTextField(max_length=200, help_text="The reference of the payment to the customer.")

    @classmethod
    def is_available(cls, obj: Order) -> bool:
        return obj.refunded < obj.paid

    def read_lines(self) -> None:
        super().read_lines()
        self.refunded = refunded_pieces(self.obj)

    def left(self, line: OrderLine) -> int:
        return line.quantity - self.refunded.get(line.pk, 0)

    def proposed(self, column: str, line: OrderLine) -> int | None:
        # Only pieces that were paid for: those that were cancelled before the payment were not due.
        due = line.returned + line.cancelled - self.refunded.get(line.pk, 0)
        worth = refundable(line, max(due, 0), after=self.refunded.get(line.pk, 0)) if due > 0 else Decimal(0)
        return due if due > 0 and worth <= self.obj.paid - self.obj.refunded else None

    @property
    def names_lines(self) -> bool:
        return True

    def parts(self) -> list[Sequence[Any]] | None:
        return None if self.cleaned_data.get("amount") is not None else super().parts()

    def execute(self, by: Any) -> str:
        refund: Refund = self.obj.refund(
            lines=self.parts(), by=by, key=self.cleaned_data["key"] or None, **self.values()
        )
        self.is_replay = refund.replayed
        return f"Refunded {refund.amount} {self.obj.currency}."


class CorrectTracking(ObjectAction[Order]):
    """Corrects carrier and tracking number of the order's shipments; a field that somebody else changed is refused."""

    name, label, permission = "tracking", "Correct tracking", policies.CHANGE_ORDERS
    explanation = "The history keeps what it was."
    template = "admin/products/object_action.html"

    def __init__(self, obj: Order, data: Any = None) -> None:
        super().__init__(obj, data)
        self.shipments: list[Shipment] = list(obj.shipments.order_by("-number"))
        for shipment in self.shipments:
            for name in ("carrier", "tracking_number"):
                label = f"Shipment {shipment.number}: {name.replace('_', ' ')}"
                self.fields[f"{name}_{shipment.number}"] = OptionalTextField(
                    label=label,
                    max_length=100,
                    initial=getattr(shipment, name),
                    show_hidden_initial=True,
                    # Checked here too, because the method would already have corrected the preceding shipments.
                    validators=validators_of(Shipment, name),
                )

    @classmethod
    def is_available(cls, obj: Order) -> bool:
        return obj.status in (Status.PAID, Status.SHIPPED, Status.DELIVERED, Status.RETURNED) and any(
            line.shipped for line in obj.lines.all()
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for shipment in self.shipments:
            for name in ("carrier", "tracking_number"):
                field = f"{name}_{shipment.number}"
                stored = getattr(shipment, name)
                shown = self.data.get(self.add_initial_prefix(field), stored)
                if field in self.changed_data and stored not in (shown, cleaned.get(field)):
                    self.add_error(field, f"Somebody else has changed this to “{stored}”; open this page again.")
        return cleaned

    def execute(self, by: Any) -> str:
        corrected = 0
        for shipment in self.shipments:
            changes = {
                name: self.cleaned_data[f"{name}_{shipment.number}"]
                for name in ("carrier", "tracking_number")
                if f"{name}_{shipment.number}" in self.changed_data
            }
            if changes:
                self.obj.correct_tracking(shipment.number, by=by, **changes)
                corrected += 1
        return f"Corrected {corrected} shipment{'' if corrected == 1 else 's'}."
