from decimal import Decimal

import django.core.validators
import django.db.models.expressions
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import products.models.money
import products.taxes
import products.validators
from products.db import triggers


class Migration(migrations.Migration):
    """Prices with up to four decimals, discounts, shipping and taxes, and when an order was changed.

    Without a scale, PostgreSQL's columns for money change without a rewrite of their tables. Every order that is there
    counts as changed now, so that who asks for changes misses none.
    """

    dependencies = [
        ("products", "0024_movements_by_moment"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # PostgreSQL changes no column that a trigger names, and SQLite drops a table's triggers with it.
        migrations.RunPython(triggers.remove, triggers.install),
        migrations.AlterModelOptions(
            name="order",
            options={
                "base_manager_name": "objects",
                "ordering": ["-placed_at", "-id"],
                "permissions": [("set_prices", "Can set prices, discounts and shipping of an order")],
            },
        ),
        migrations.AddField(
            model_name="order",
            name="discount",
            field=products.models.money.MoneyField(
                db_default=Decimal("0.00"),
                default=Decimal("0.00"),
                max_digits=16,
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="prices_include_tax",
            field=models.BooleanField(db_default=True, default=True, editable=False),
        ),
        migrations.AddField(
            model_name="order",
            name="shipping",
            field=products.models.money.MoneyField(
                blank=True, max_digits=16, null=True, validators=[django.core.validators.MinValueValidator(0)]
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="shipping_tax",
            field=products.models.money.MoneyField(
                db_default=Decimal("0.00"), default=Decimal("0.00"), editable=False, max_digits=16
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="shipping_tax_rate",
            field=models.DecimalField(blank=True, decimal_places=3, editable=False, max_digits=6, null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="tax",
            field=products.models.money.MoneyField(
                db_default=Decimal("0.00"), default=Decimal("0.00"), editable=False, max_digits=16
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="updated_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now, editable=False
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="discount",
            field=products.models.money.MoneyField(db_default=Decimal("0.00"), default=Decimal("0.00"), max_digits=16),
        ),
        migrations.AddField(
            model_name="orderline",
            name="discount_share",
            field=products.models.money.MoneyField(db_default=Decimal("0.00"), default=Decimal("0.00"), max_digits=16),
        ),
        migrations.AddField(
            model_name="orderline",
            name="tax",
            field=products.models.money.MoneyField(db_default=Decimal("0.00"), default=Decimal("0.00"), max_digits=16),
        ),
        migrations.AddField(
            model_name="orderline",
            name="tax_rate",
            field=models.DecimalField(blank=True, decimal_places=3, help_text="In percent.", max_digits=6, null=True),
        ),
        migrations.AddField(
            model_name="product",
            name="list_price",
            field=products.models.money.MoneyField(
                blank=True,
                help_text="The price before a reduction, at least the price; shown beside it.",
                max_digits=12,
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="tax_class",
            field=models.CharField(
                db_default="standard",
                default="standard",
                help_text="One of the classes in TAX_RATES.",
                max_length=30,
                validators=[
                    products.validators.printable_line,
                    products.validators.visible,
                    products.taxes.validate_tax_class,
                ],
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="total",
            field=products.models.money.MoneyField(default=Decimal("0.00"), editable=False, max_digits=16),
        ),
        migrations.AlterField(
            model_name="orderline",
            name="unit_price",
            field=products.models.money.MoneyField(blank=True, max_digits=12, null=True),
        ),
        migrations.AlterField(
            model_name="product",
            name="price",
            field=products.models.money.MoneyField(
                max_digits=12, validators=[django.core.validators.MinValueValidator(0)]
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["updated_at", "id"], name="orders_by_change"),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("discount__gte", 0), models.Q(("shipping", None), ("shipping__gte", 0), _connector="OR")
                ),
                name="discount_and_shipping_are_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("shipping_tax__gte", 0), ("tax__gte", models.F("shipping_tax"))),
                name="tax_contains_that_of_shipping",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("discount__gte", 0),
                    ("discount_share__gte", 0),
                    models.Q(
                        models.Q(("discount", 0), ("discount_share", 0)),
                        models.Q(
                            (
                                "discount__lte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("quantity"), "*", models.F("unit_price")
                                        ),
                                        "+",
                                        models.Value(Decimal("0.5")),
                                    ),
                                    "-",
                                    models.F("discount_share"),
                                ),
                            ),
                            ("unit_price__isnull", False),
                        ),
                        _connector="OR",
                    ),
                ),
                name="discounts_are_at_most_the_price",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("tax", 0),
                    models.Q(("tax__gt", 0), ("tax_rate__gt", 0), ("tax_rate__isnull", False)),
                    _connector="OR",
                ),
                name="tax_needs_a_rate_and_is_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("tax_rate__range", (0, 100))), name="tax_rate_is_a_percentage"
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(("list_price", None), ("list_price__gte", models.F("price")), _connector="OR"),
                name="list_price_is_at_least_the_price",
            ),
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
