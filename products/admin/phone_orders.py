"""Orders that staff take by phone: first quoted, then placed in the customer's name."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Q
from django.forms import BaseFormSet, formset_factory
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from products import policies
from products.barcodes import forms_of, is_barcode
from products.db.retry import atomic_with_retry
from products.exceptions import DomainError, IdempotencyKeyConflict, UsernameTaken, Violation
from products.models import Address, Order, PricedItem, Product
from products.models.addresses import PARTS
from products.models.customers import TEXT_RULES, customers, make_customer
from products.models.order_lines import MAX_PER_LINE
from products.order_numbers import format_number
from products.ordering.pricing import ZERO
from products.ordering.validation import MAX_LINES, OrderDraft
from products.skus import sku_key
from products.validators import validators_of

ROWS = 6
"""Lines of the empty form, and lines that are added at once."""
MAX_SUGGESTED = 10
"""Customers."""

SHIP_TO = tuple(f"ship_to_{part}" for part in PARTS)
DETAILS = ("reference", "note", "email", "phone")
TERMS = ("discount", "shipping")


def model_text(name: str, **options: Any) -> forms.CharField:
    """Return a form field for a text of an order, with the model's validation."""
    field: Any = Order._meta.get_field(name)
    widget = options.pop("widget", forms.TextInput(attrs={"class": "vTextField"}))
    label = options.pop("label", name.removeprefix("ship_to_").replace("_", " ").replace("line", "line ").capitalize())
    validators = validators_of(Order, name)
    return forms.CharField(
        label=label, max_length=field.max_length, required=False, validators=validators, widget=widget, **options
    )


def amount_field(css: str = "vTextField", **options: Any) -> forms.DecimalField:
    attrs = {"class": css, "inputmode": "decimal", "autocomplete": "off"}
    return forms.DecimalField(
        required=False, min_value=0, max_digits=16, decimal_places=4, widget=forms.TextInput(attrs=attrs), **options
    )


class LineForm(forms.Form):
    """One line: a SKU or barcode, and a quantity."""

    sku = forms.CharField(
        label="SKU or barcode",
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"class": "line-sku", "autocomplete": "off"}),
    )
    quantity = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_PER_LINE,
        widget=forms.NumberInput(attrs={"class": "vIntegerField", "autocomplete": "off"}),
    )
    unit_price = amount_field("line-amount")
    discount = amount_field("line-amount")

    def __init__(self, *arguments: Any, sets_prices: bool, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if not sets_prices:
            del self.fields["unit_price"], self.fields["discount"]
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = str(field.label)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.is_given and not self.errors:
            if not cleaned.get("sku"):
                self.add_error("sku", "Enter a SKU or a barcode.")
            elif cleaned.get("quantity") is None:
                self.add_error("quantity", "Enter a quantity.")
        return cleaned

    @property
    def is_given(self) -> bool:
        return any(self.cleaned_data.get(name) not in (None, "") for name in self.fields)


LineFormSet = formset_factory(LineForm, extra=ROWS, max_num=MAX_LINES, absolute_max=MAX_LINES, validate_max=True)


class PhoneOrderForm(forms.Form):
    """Everything in the order except its lines."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    quoted = forms.CharField(widget=forms.HiddenInput, max_length=40, required=False)
    customer = forms.CharField(
        label="Customer",
        required=False,
        max_length=254,
        help_text="User name or e-mail; a part of it lists who is meant.",
        widget=forms.TextInput(
            attrs={"class": "vTextField", "autofocus": True, "list": "customers", "autocomplete": "off"}
        ),
    )
    new_name = forms.CharField(
        label="Name",
        required=False,
        max_length=150,
        validators=[*TEXT_RULES["first_name"]],
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    new_email = forms.EmailField(
        label="E-mail",
        required=False,
        max_length=150,
        validators=User._meta.get_field("username").validators,
        widget=forms.EmailInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text="Also the user name of the new customer.",
    )
    address = forms.TypedChoiceField(label="Kept address", required=False, coerce=int, empty_value=None)
    reference = model_text("reference", help_text="The customer's own.")
    email = model_text("email", label="E-mail")
    phone = model_text("phone")
    note = model_text("note", widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 3}))
    discount = amount_field(help_text="On the whole order.")
    shipping = amount_field(help_text="Instead of the shop's own shipping fee.")

    def __init__(self, user: Any, data: Any = None) -> None:
        super().__init__(data)
        for name in SHIP_TO:
            self.fields[name] = model_text(name)
        if not policies.may_set_prices(user):
            del self.fields["discount"], self.fields["shipping"]
        if not policies.is_staff_with(user, policies.ADD_CUSTOMERS):
            del self.fields["new_name"], self.fields["new_email"]
        self.fields["key"].initial = uuid4().hex
        if self.is_bound:  # Then the user continues elsewhere.
            del self.fields["customer"].widget.attrs["autofocus"]
        self.found: User | None = None
        self._offer_addresses()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        named, is_new = cleaned.get("customer"), cleaned.get("new_name") or cleaned.get("new_email")
        if named and is_new:
            self.add_error("customer", "Choose a customer or enter a new one, not both.")
        elif not named and not is_new:
            self.add_error("customer", "Choose the customer.")
        elif named and self.found is None:
            self.add_error("customer", self._suggestion(named))
        elif is_new and "new_email" not in self.errors:
            for name in ("new_name", "new_email"):
                if not cleaned.get(name):
                    self.add_error(name, "A new customer needs a name and an e-mail address.")
        if cleaned.get("address") is not None and any(cleaned.get(name) for name in SHIP_TO):
            self.add_error("address", "Choose a kept address or type another one, not both.")
        return cleaned

    @property
    def is_new_customer(self) -> bool:
        return bool(self.cleaned_data.get("new_email"))

    def order_details(self) -> dict[str, Any]:
        """Return the details and terms as arguments for Order."""
        cleaned = self.cleaned_data
        details = {name: cleaned[name] for name in DETAILS if cleaned.get(name)}
        details |= {name: cleaned[name] for name in TERMS if cleaned.get(name) is not None}
        parts = {part: cleaned.get(f"ship_to_{part}", "") for part in PARTS}
        if cleaned.get("address") is not None and self.found is not None:
            details["ship_to"] = Address.objects.get(customer=self.found, pk=cleaned["address"])
        elif any(parts.values()):
            details["ship_to"] = {part: text for part, text in parts.items() if text}
        return details

    def address_fields(self) -> list[Any]:
        return [self[name] for name in SHIP_TO]

    def detail_fields(self) -> list[Any]:
        return [self[name] for name in (*DETAILS, *TERMS) if name in self.fields]

    def new_customer_fields(self) -> list[Any]:
        return [self[name] for name in ("new_name", "new_email") if name in self.fields]

    def put(self, **values: str) -> None:
        """Show these values in the form."""
        data: Any = QueryDict(mutable=True)
        data.update(self.data)
        for name, value in values.items():
            data[name] = value
        self.data = data

    def _offer_addresses(self) -> None:
        """Look up the entered customer, and offer the addresses in their address book."""
        choices: list[tuple[Any, str]] = [("", "Typed below, or none")]
        if self.is_bound and (named := str(self.data.get("customer", "")).strip()) and "\0" not in named:
            self.found = customer_named(named)
            if self.found is not None:
                choices += [(each.pk, str(each)) for each in Address.objects.filter(customer=self.found)]
        cast("forms.ChoiceField", self.fields["address"]).choices = choices

    @property
    def offers_addresses(self) -> bool:
        return len(cast("forms.ChoiceField", self.fields["address"]).choices) > 1  # type: ignore[arg-type]

    def _suggestion(self, named: str) -> str:
        found = [user.get_username() for user in customers_like(named)]
        return f"Who is meant: {', '.join(found)}?" if found else "There is no such active customer."


def customer_named(text: str) -> User | None:
    """Return the active customer with this user name, or the only active customer with this e-mail address."""
    active = customers().filter(is_active=True)
    by_name = active.filter(username=text).first()
    if by_name is not None:
        return by_name
    found = list(active.filter(email__iexact=text)[:2])
    return found[0] if len(found) == 1 else None


def customers_like(text: str) -> list[User]:
    """Return some active customers with every word of the text in their names or e-mail address."""
    found = customers().filter(is_active=True)
    for word in text.split():
        found = found.filter(
            Q(username__icontains=word)
            | Q(email__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
        )
    return list(found.order_by("username")[:MAX_SUGGESTED])


def products_by_code(codes: Iterable[str]) -> dict[str, int]:
    """Return the product of each SKU or barcode, {code: id}, without codes that match no product or several."""
    wanted = sorted(set(codes))
    products = Product.objects.order_by()
    by_key = {
        sku_key(sku): pk
        for pk, sku in products.with_sku_keys([sku_key(code) for code in wanted]).values_list("pk", "sku")
    }
    barcodes = [code for code in wanted if is_barcode(code)]
    by_barcode = dict[str, set[int]]()
    if barcodes:
        forms_of_all = [form for code in barcodes for form in forms_of(code)]
        for pk, barcode in products.filter(barcode__in=forms_of_all, barcode__gt="").values_list("pk", "barcode"):
            by_barcode.setdefault(barcode.lstrip("0"), set()).add(pk)
    found = dict[str, int]()
    for code in wanted:
        same = by_barcode.get(code.lstrip("0"), set()) if is_barcode(code) else set()
        if sku_key(code) in by_key:
            found[code] = by_key[sku_key(code)]
        elif len(same) == 1:
            [found[code]] = same
    return found


def customers_view(request: HttpRequest) -> HttpResponse:
    """Return the customers that match the typed text, for the list below the field."""
    text = request.GET.get("q", "").replace("\0", "").strip()
    found = customers_like(text) if text else []
    rows = [{"name": user.get_username(), "label": f"{user.get_full_name()} {user.email}".strip()} for user in found]
    return JsonResponse({"customers": rows})


class PhoneOrder:
    """One request for the page: the forms and the resulting quote."""

    def __init__(self, request: HttpRequest) -> None:
        self.request, self.user = request, cast("User", request.user)
        data: Any = request.POST if request.method == "POST" else None
        if data is not None and "more" in data:
            data = data.copy()
            data["lines-TOTAL_FORMS"] = str(min(_whole(data.get("lines-TOTAL_FORMS")) + ROWS, MAX_LINES))
        self.form = PhoneOrderForm(self.user, data)
        self.lines: BaseFormSet[LineForm] = LineFormSet(
            data, prefix="lines", form_kwargs={"sets_prices": policies.may_set_prices(self.user)}
        )
        self.draft: OrderDraft | None = None

    def respond(self, context: Mapping[str, Any]) -> HttpResponse:
        posted = self.request.method == "POST" and "more" not in self.request.POST
        if posted and self._are_valid() and "place" in self.request.POST:
            order = self._placed()
            if order is not None:
                messages.success(self.request, f"Order {format_number(order.number)} is placed: {order.total}.")
                return redirect("admin:products_order_change", order.pk)
        elif posted and not (self.form.errors or self.lines.total_error_count()):
            self._quote()
        show_errors = posted and bool(self.form.errors or self.lines.total_error_count())
        return TemplateResponse(
            self.request,
            "admin/products/phone_order.html",
            {
                **context,
                "form": self.form,
                "lines": self.lines,
                "draft": self.draft,
                "show_errors": show_errors,
                "may_place": self.draft is not None and not show_errors,
            },
        )

    def _are_valid(self) -> bool:
        # Validate both, so that every error is shown at once.
        return all([self.form.is_valid(), self.lines.is_valid()])

    def _given(self) -> list[LineForm]:
        return [form for form in self.lines.forms if form.is_given]

    def _requested(self) -> dict[str, Any]:
        lines = [form.cleaned_data for form in self._given()]
        found = products_by_code(line["sku"] for line in lines)
        return {"items": [self._item(line, found) for line in lines], **self.form.order_details()}

    def _item(self, line: Mapping[str, Any], found: Mapping[str, int]) -> Any:
        product = found.get(line["sku"], line["sku"])
        unit_price, discount = line.get("unit_price"), line.get("discount")
        if unit_price is None and not discount:
            return product, line["quantity"]
        return PricedItem(product, line["quantity"], unit_price, discount or ZERO)

    def _quote(self) -> bool:
        """Create the draft and show its violations; return whether there are none."""
        try:
            self.draft = Order.objects.quote(**self._requested())
        except ValidationError as error:
            self._add_invalid(error)
            return False
        violations = [*self.draft.violations(), *self.draft.shortages()]
        self._add_violations(violations)
        self.form.put(quoted=str(self.draft.total) if not violations else "")
        return not violations

    def _placed(self) -> Order | None:
        """Place the order, or return the one that the same form has placed before; None if it cannot be placed."""
        requested, key, quoted = self._requested(), self.form.cleaned_data["key"], self.form.cleaned_data["quoted"]
        try:
            if self.form.is_new_customer:
                return self._placed_for_new_customer(requested, key, quoted)
            customer = cast("User", self.form.found)
            earlier = Order.objects.placed_by_same_request(key, customer=customer, **requested)
            if earlier is not None:
                return earlier
            if not self._is_as_quoted(quoted):
                return None
            return Order.objects.place_once(key=key, placed_by=self.user, customer=customer, **requested)[0]
        except IdempotencyKeyConflict:
            self.form.put(key=uuid4().hex)
            self.form.add_error(
                None, "This form has placed another order already. If you want both, look at it and place it again."
            )
        except UsernameTaken:
            self.form.add_error("new_email", "There is a customer with this e-mail address already; choose them above.")
        except DomainError as error:
            self._quote()
            if not (self.form.errors or self.lines.total_error_count()):
                self._add_violations(error.violations)
        except ValidationError as error:
            self._add_invalid(error)
        return None

    def _placed_for_new_customer(self, requested: dict[str, Any], key: str, quoted: str) -> Order | None:
        email = self.form.cleaned_data["new_email"]
        existing = customers().filter(username=User.normalize_username(email)).first()
        if existing is not None:
            earlier = Order.objects.placed_by_same_request(key, customer=existing, **requested)
            if earlier is not None:
                return earlier
            raise UsernameTaken(email)
        if not self._is_as_quoted(quoted):
            return None
        first, _, last = self.form.cleaned_data["new_name"].rpartition(" ")

        def make_and_place() -> Order:
            customer = make_customer(username=email, email=email, first_name=first, last_name=last)
            return Order.objects.place_once(key=key, placed_by=self.user, customer=customer, **requested)[0]

        return atomic_with_retry(make_and_place)

    def _is_as_quoted(self, quoted: str) -> bool:
        if not self._quote():
            return False
        total = str(cast("OrderDraft", self.draft).total)
        if quoted != total:
            self.form.add_error(None, f"The total is {total} now. Look at the quote, and place the order again.")
            return False
        return True

    def _add_violations(self, violations: Iterable[Violation]) -> None:
        given = self._given()
        for violation in violations:
            for position in violation.positions:
                given[position].add_error(None, violation.detail)
            if not violation.positions:
                about = violation.about if violation.about in self.form.fields else None
                self.form.add_error(about, violation.detail)

    def _add_invalid(self, error: ValidationError) -> None:
        for name, sentences in error.message_dict.items() if hasattr(error, "error_dict") else []:
            known = name if name in self.form.fields and name != NON_FIELD_ERRORS else None
            self.form.add_error(known, sentences)
        if not hasattr(error, "error_dict"):
            self.form.add_error(None, error.messages)


def _whole(text: Any) -> int:
    """Return the number of lines that the browser sent; 0 if it is not a number."""
    return int(text) if isinstance(text, str) and re.fullmatch("[0-9]{1,5}", text) else 0
