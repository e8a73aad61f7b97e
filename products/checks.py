"""System checks: does the database match settings and code? `manage.py check --database default`, and migrate."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections
from django.db.models.functions import Round

from products import currencies
from products.db.requirements import unmet_by_migrations, unmet_by_requests
from products.models import Order, Product
from products.models.money import price_decimals

HINT = (
    "Prices are stored without a currency, so changing CURRENCY changes what every product costs. Set it back, or, "
    "where all prices were converted, add the id of this check to SILENCED_SYSTEM_CHECKS."
)


@register(Tags.database)
def database_meets_the_requirements(*, databases: Sequence[str] | None = None, **options: Any) -> list[CheckMessage]:
    """Refuse a database, or a role, with which requests or the migrations would fail."""
    return [
        Error(unmet.sentence, hint=unmet.hint, id=unmet.id)
        for alias in databases or ()
        # A role that cannot read the tables cannot tell which migrations are applied either.
        for unmet in unmet_by_requests(connections[alias]) or unmet_by_migrations(connections[alias])
    ]


@register(Tags.database)
def currency_fits_the_database(*, databases: Sequence[str] | None = None, **options: Any) -> list[CheckMessage]:
    """Refuse a CURRENCY other than the one that the orders and prices in the database were made in."""
    return [error for alias in databases or () for error in _check_currency(alias)]


def _check_currency(alias: str) -> list[CheckMessage]:
    connection = connections[alias]
    if unmet_by_requests(connection):
        return []  # The check above says so.
    if not {Order._meta.db_table, Product._meta.db_table} <= set(connection.introspection.table_names()):
        return []  # Before the first migration.
    currency = settings.CURRENCY
    errors: list[CheckMessage] = []
    newest = Order.objects.using(alias).placed().order_by("-placed_at").values_list("currency", flat=True).first()
    if newest not in (None, currency):
        sentence = f"CURRENCY is {currency}, and the newest order in the database was placed in {newest}."
        errors.append(Error(sentence, hint=HINT, id="products.E001"))
    digits = price_decimals()
    rounded = Round("price", precision=digits)
    # No whole rows: before a migration, the table lacks the columns that it is going to add.
    finer = Product.objects.using(alias).exclude(price=rounded).order_by("pk").values_list("sku", "price").first()
    if finer is not None:
        sku, price = finer
        sentence = f"{currencies.sentence_for(currency, digits)} {sku} costs {price}."
        errors.append(Error(sentence, hint=HINT, id="products.E002"))
    return errors


@register(Tags.database)
def tax_classes_have_rates(*, databases: Sequence[str] | None = None, **options: Any) -> list[CheckMessage]:
    """Refuse TAX_RATES that lack a tax class of some product, which could not be ordered."""
    return [error for alias in databases or () for error in _check_tax_classes(alias)]


def _check_tax_classes(alias: str) -> list[CheckMessage]:
    connection, table = connections[alias], Product._meta.db_table
    if not settings.TAX_RATES or unmet_by_requests(connection):
        return []
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return []  # Before the first migration.
        columns = {column.name for column in connection.introspection.get_table_description(cursor, table)}
    if "tax_class" not in columns:
        return []  # Before the migration that adds it.
    unrated = Product.objects.using(alias).exclude(tax_class__in=list(settings.TAX_RATES)).order_by("pk")
    return [
        Error(
            f"{sku} has the tax class {tax_class}, which has no rate in TAX_RATES.",
            hint="Add a rate for it, or give its products another tax class. Until then they cannot be ordered.",
            id="products.E003",
        )
        for sku, tax_class in unrated.values_list("sku", "tax_class")[:1]
    ]
