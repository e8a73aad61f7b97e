"""Postal addresses: a customer's saved ones, and the rules for a complete address."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Never

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q, Value
from django.db.models.functions import Greatest, Least
from django.db.models.lookups import GreaterThan
from django.utils import timezone

from products.countries import validate_country
from products.exceptions import CustomerGone, TooManyAddresses
from products.models.querysets import ValidatedQuerySet
from products.validators import clean_fields, printable_line, visible

PARTS = ("name", "company", "line1", "line2", "postal_code", "city", "region", "country")
"""The parts of an address. `country` is an ISO 3166-1 alpha-2 code."""

NEEDED_PARTS = ("line1", "city", "country")
"""The parts that every address has; and a name or a company."""

MAX_ADDRESSES = 50
"""How many addresses a customer can keep."""


ADDRESS_STAYS = "An address stays with its customer; keep another one for the other customer."
ONE_BY_ONE = "Addresses are kept one by one, because a customer keeps a limited number: Address.objects.create(…)."


def optional_line(max_length: int, label: str | None = None) -> "models.CharField[str, str]":
    """Return a column for a line of text that may be blank."""
    return models.CharField(
        label, max_length=max_length, blank=True, default="", db_default="", validators=[printable_line, visible]
    )


def check_complete(parts: Mapping[str, str]) -> None:
    """Raise ValidationError with every part that is missing; `parts` has all of PARTS, blank where not given."""
    errors = {
        name: ValidationError("An address needs this.", "incomplete_address")
        for name in NEEDED_PARTS
        if not parts[name]
    }
    if not (parts["name"] or parts["company"]):
        errors["name"] = ValidationError("An address needs a name or a company.", "incomplete_address")
    if errors:  # With a code of their own: a form replaces the sentence of "required" by its field's.
        raise ValidationError(errors)


def is_complete(prefix: str = "") -> GreaterThan:
    """Return check_complete() as a condition on the columns with this prefix: the least of them is not blank."""
    needed = [f"{prefix}{name}" for name in NEEDED_PARTS]
    return GreaterThan(Least(*needed, Greatest(f"{prefix}name", f"{prefix}company")), Value(""))


class AddressQuerySet(ValidatedQuerySet["Address"]):
    """Queries over addresses."""

    def of(self, customer: Any) -> "AddressQuerySet":
        return self.filter(customer=customer.pk)

    def lock_all_of(self, customer_id: int) -> None:
        """Keep others from changing any of the customer's addresses until the transaction ends. Raises CustomerGone."""
        users = get_user_model().objects.select_for_update(no_key=True)
        if not users.filter(pk=customer_id).values_list("pk"):
            raise CustomerGone(customer_id)

    def update(self, **values: Any) -> int:
        """Update parts of these addresses. Raises TypeError for the customer."""
        self._check_writable(values)
        return super().update(**values)

    def bulk_update(self, objs: Iterable["Address"], fields: Iterable[str], *arguments: Any, **options: Any) -> int:
        names = list(fields)
        self._check_writable(names)
        return super().bulk_update(objs, names, *arguments, **options)

    def bulk_create(self, objs: Iterable["Address"], *arguments: Any, **options: Any) -> Never:
        raise TypeError(ONE_BY_ONE)

    def _check_writable(self, names: Collection[str]) -> None:
        if not {"customer", "customer_id"}.isdisjoint(names):
            raise TypeError(ADDRESS_STAYS)


class Address(models.Model):
    """A customer's saved address. Orders copy it, so a change affects no order."""

    customer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="addresses", db_index=False)
    name = optional_line(100)
    company = optional_line(100)
    line1 = models.CharField("line 1", max_length=200, validators=[printable_line, visible])
    line2 = optional_line(200, "line 2")
    postal_code = optional_line(20)
    city = models.CharField(max_length=100, validators=[printable_line, visible])
    region = optional_line(100)
    country = models.CharField(max_length=2, validators=[validate_country], help_text="ISO 3166-1 alpha-2")
    is_default = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    _loaded_default: bool | None = None

    objects = AddressQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["id"]
        verbose_name_plural = "addresses"
        indexes = [models.Index(fields=["customer", "id"], name="addresses_of_a_customer")]
        constraints = [
            models.CheckConstraint(condition=is_complete(), name="an_address_is_complete"),
            models.UniqueConstraint(
                fields=["customer"], condition=Q(is_default=True), name="one_default_address_per_customer"
            ),
        ]

    def __str__(self) -> str:
        return ", ".join(filter(None, (getattr(self, name) for name in PARTS)))

    def save(self, **options: Any) -> None:
        """Write the address. A customer's first one is the default; a new default replaces the old one.

        `is_default` is only written if it was assigned: another address may have become the default since this instance
        was loaded. Raises ValidationError, TooManyAddresses beyond MAX_ADDRESSES, CustomerGone if the customer has been
        deleted meanwhile, and TypeError for another customer than it had.
        """
        clean_fields(self, PARTS)
        self.clean()
        names = options.get("update_fields")
        writes_default = names is None or "is_default" in names
        with transaction.atomic():
            # Without the lock, two concurrent saves could make two defaults or exceed the limit.
            Address.objects.lock_all_of(self.customer_id)
            others = Address.objects.filter(customer=self.customer_id).exclude(pk=self.pk)
            if self._state.adding:
                number = others.count()
                if number >= MAX_ADDRESSES:
                    raise TooManyAddresses(MAX_ADDRESSES)
                self.is_default = self.is_default or number == 0
            else:
                self._keep_what_was_not_assigned()
            if self.is_default and writes_default:
                others.filter(is_default=True).update(is_default=False)
            super().save(**options)
        if writes_default:
            self._loaded_default = self.is_default

    def _keep_what_was_not_assigned(self) -> None:
        stored = Address.objects.filter(pk=self.pk).values_list("customer", "is_default").first()
        if stored is None:
            return  # deleted meanwhile; save() adds it again or raises, as Django does
        customer_id, is_default = stored
        if customer_id != self.customer_id:
            raise TypeError(ADDRESS_STAYS)
        if self.is_default == self._loaded_default:
            self.is_default = is_default

    def clean(self) -> None:
        """Raise ValidationError with every part that is missing."""
        check_complete(self.parts)

    @classmethod
    def from_db(cls, *arguments: Any, **options: Any) -> "Address":
        address = super().from_db(*arguments, **options)
        address._loaded_default = address.__dict__.get("is_default")
        return address

    def refresh_from_db(self, *arguments: Any, **options: Any) -> None:
        super().refresh_from_db(*arguments, **options)
        self._loaded_default = self.__dict__.get("is_default")

    @property
    def parts(self) -> dict[str, str]:
        """The address itself: {part: text}; a missing part is blank."""
        return {name: getattr(self, name) for name in PARTS}
