import django.core.validators
from django.db import migrations, models

import products.validators

LINE = [products.validators.printable_line, products.validators.visible]


class Migration(migrations.Migration):
    """Texts of which nothing can be seen are refused, and a token's name is one line: nothing changes in the database."""

    dependencies = [
        ("products", "0015_validated_texts"),
    ]

    operations = [
        migrations.AlterField(
            model_name="apitoken",
            name="name",
            field=models.CharField(
                blank=True, default="", help_text="What it is for.", max_length=100, validators=LINE
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="carrier",
            field=models.CharField(blank=True, default="", max_length=100, validators=LINE),
        ),
        migrations.AlterField(
            model_name="order",
            name="payment_reference",
            field=models.CharField(blank=True, default="", max_length=200, validators=LINE),
        ),
        migrations.AlterField(
            model_name="order",
            name="tracking_number",
            field=models.CharField(blank=True, default="", max_length=100, validators=LINE),
        ),
        migrations.AlterField(
            model_name="product",
            name="sku",
            field=models.CharField(
                max_length=64,
                unique=True,
                validators=[
                    products.validators.wholly_visible,
                    django.core.validators.RegexValidator(
                        "\\A[A-Za-z0-9][A-Za-z0-9._-]*\\Z", "Letters, digits, dots, dashes, underscores."
                    ),
                ],
                verbose_name="SKU",
            ),
        ),
        migrations.AlterField(
            model_name="stockmovement",
            name="note",
            field=models.CharField(
                blank=True,
                default="",
                max_length=200,
                validators=[products.validators.printable, products.validators.visible],
            ),
        ),
    ]
