import django.core.validators
from django.db import migrations, models

import products.validators


class Migration(migrations.Migration):
    """Texts are validated, and related managers obey the querysets: nothing changes in the database."""

    dependencies = [
        ("products", "0014_frozen_orders"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="category",
            options={"base_manager_name": "objects", "ordering": ["name", "id"], "verbose_name_plural": "categories"},
        ),
        migrations.AlterModelOptions(
            name="event",
            options={"base_manager_name": "objects"},
        ),
        migrations.AlterModelOptions(
            name="order",
            options={"base_manager_name": "objects", "ordering": ["-placed_at", "-id"]},
        ),
        migrations.AlterModelOptions(
            name="orderline",
            options={"base_manager_name": "objects", "ordering": ["id"]},
        ),
        migrations.AlterModelOptions(
            name="product",
            options={"base_manager_name": "objects", "ordering": ["id"]},
        ),
        migrations.AlterModelOptions(
            name="stockmovement",
            options={"base_manager_name": "objects"},
        ),
        migrations.AlterField(
            model_name="category",
            name="name",
            field=models.CharField(
                max_length=100, validators=[products.validators.printable_line, products.validators.visible]
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="carrier",
            field=models.CharField(
                blank=True, default="", max_length=100, validators=[products.validators.printable_line]
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="payment_reference",
            field=models.CharField(
                blank=True, default="", max_length=200, validators=[products.validators.printable_line]
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="tracking_number",
            field=models.CharField(
                blank=True, default="", max_length=100, validators=[products.validators.printable_line]
            ),
        ),
        migrations.AlterField(
            model_name="product",
            name="description",
            field=models.TextField(
                blank=True,
                default="",
                validators=[django.core.validators.MaxLengthValidator(10000), products.validators.printable],
            ),
        ),
        migrations.AlterField(
            model_name="product",
            name="name",
            field=models.CharField(
                max_length=200, validators=[products.validators.printable_line, products.validators.visible]
            ),
        ),
        migrations.AlterField(
            model_name="stockmovement",
            name="note",
            field=models.CharField(blank=True, default="", max_length=200, validators=[products.validators.printable]),
        ),
    ]
