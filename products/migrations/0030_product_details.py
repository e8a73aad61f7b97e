import django.core.validators
from django.db import migrations, models

import products.barcodes
import products.models.lines
import products.models.products
import products.validators


def make_index(apps, schema_editor):
    """Trigrams, as for the search: PostgreSQL finds a tag by an index; SQLite looks at every row."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE INDEX products_by_tag ON products_product USING gin (tags gin_trgm_ops)")


def drop_index(apps, schema_editor):
    schema_editor.execute("DROP INDEX IF EXISTS products_by_tag")


class Migration(migrations.Migration):
    """Vendor, barcode, weight, tags and images of a product."""

    dependencies = [
        ("products", "0029_sku_in_any_case"),
    ]

    operations = [
        migrations.AddField(
            model_name="product",
            name="barcode",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="A GTIN.",
                max_length=14,
                validators=[products.barcodes.validate_gtin],
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="images",
            field=products.models.lines.LinesField(
                blank=True,
                db_default="",
                default=list,
                help_text="URLs, one a line.",
                validators=[products.models.products.validate_images],
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="tags",
            field=products.models.lines.LinesField(
                blank=True,
                db_default="",
                default=list,
                help_text="One a line, in lower case.",
                validators=[products.models.products.validate_tags],
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="vendor",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=100,
                validators=[products.validators.printable_line, products.validators.visible],
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="weight",
            field=models.IntegerField(
                blank=True,
                help_text="In grams.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(100000000),
                ],
            ),
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(condition=models.Q(("barcode__gt", "")), fields=["barcode"], name="products_by_barcode"),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(condition=models.Q(("weight__gte", 0)), name="weight_is_not_negative"),
        ),
        migrations.RunPython(make_index, drop_index),
    ]
