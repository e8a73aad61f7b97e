import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import products.countries
import products.order_numbers
import products.validators
from products.db import triggers


class Migration(migrations.Migration):
    """An order has a number, the customer's details and an address, and customers keep addresses.

    The numbers come in three steps, because the running release still inserts orders: here new rows draw one, 0018
    draws those of the others, and 0019 requires them.
    """

    dependencies = [
        ("products", "0016_visible_texts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Backwards, this comes last: the triggers as they are without the columns.
        migrations.RunPython(migrations.RunPython.noop, triggers.install),
        migrations.CreateModel(
            name="Address",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=100,
                        validators=[products.validators.printable_line, products.validators.visible],
                    ),
                ),
                (
                    "company",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=100,
                        validators=[products.validators.printable_line, products.validators.visible],
                    ),
                ),
                (
                    "line1",
                    models.CharField(
                        max_length=200,
                        validators=[products.validators.printable_line, products.validators.visible],
                        verbose_name="line 1",
                    ),
                ),
                (
                    "line2",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=200,
                        validators=[products.validators.printable_line, products.validators.visible],
                        verbose_name="line 2",
                    ),
                ),
                (
                    "postal_code",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=20,
                        validators=[products.validators.printable_line, products.validators.visible],
                    ),
                ),
                (
                    "city",
                    models.CharField(
                        max_length=100, validators=[products.validators.printable_line, products.validators.visible]
                    ),
                ),
                (
                    "region",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=100,
                        validators=[products.validators.printable_line, products.validators.visible],
                    ),
                ),
                (
                    "country",
                    models.CharField(
                        help_text="ISO 3166-1 alpha-2", max_length=2, validators=[products.countries.validate_country]
                    ),
                ),
                ("is_default", models.BooleanField(db_default=False, default=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "verbose_name_plural": "addresses",
                "ordering": ["id"],
                "base_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="order",
            name="email",
            field=models.EmailField(blank=True, db_default="", default="", max_length=254, verbose_name="e-mail"),
        ),
        migrations.AddField(
            model_name="order",
            name="note",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=1000,
                validators=[products.validators.printable, products.validators.visible],
            ),
        ),
        migrations.AddField(
            model_name="order", name="number", field=models.CharField(editable=False, max_length=8, null=True)
        ),
        # Apart from adding the column: with a default that is drawn for each row, PostgreSQL would rewrite the table.
        migrations.AlterField(
            model_name="order",
            name="number",
            field=models.CharField(
                db_default=products.order_numbers.RandomNumber(),
                default=products.order_numbers.new_number,
                editable=False,
                max_length=8,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="phone",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=40,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[0-9+(][0-9 ()./-]{2,38}\\Z", "Not a phone number such as +49 30 1234567.", "invalid_phone"
                    )
                ],
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="reference",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=100,
                validators=[products.validators.printable_line, products.validators.visible],
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="ship_to_city",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=100,
                validators=[products.validators.printable_line, products.validators.visible],
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="ship_to_company",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=100,
                validators=[products.validators.printable_line, products.validators.visible],
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="ship_to_country",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="ISO 3166-1 alpha-2",
                max_length=2,
                validators=[products.countries.validate_country],
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="ship_to_line1",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=200,
                validators=[products.validators.printable_line, products.validators.visible],
                verbose_name="ship to line 1",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="ship_to_line2",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=200,
                validators=[products.validators.printable_line, products.validators.visible],
                verbose_name="ship to line 2",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="ship_to_name",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=100,
                validators=[products.validators.printable_line, products.validators.visible],
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="ship_to_postal_code",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=20,
                validators=[products.validators.printable_line, products.validators.visible],
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="ship_to_region",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=100,
                validators=[products.validators.printable_line, products.validators.visible],
            ),
        ),
        migrations.AddField(
            model_name="address",
            name="customer",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="addresses",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="address",
            index=models.Index(fields=["customer", "id"], name="addresses_of_a_customer"),
        ),
        migrations.AddConstraint(
            model_name="address",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("city__gt", ""),
                    ("country__gt", ""),
                    ("line1__gt", ""),
                    models.Q(("name__gt", ""), ("company__gt", ""), _connector="OR"),
                ),
                name="an_address_is_complete",
            ),
        ),
        migrations.AddConstraint(
            model_name="address",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)), fields=("customer",), name="one_default_address_per_customer"
            ),
        ),
    ]
