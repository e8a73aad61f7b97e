from django.db import migrations, models

from products.models.products import searchable


def fill(apps, schema_editor):
    for product in apps.get_model("products", "Product").objects.iterator():
        product.search_text = searchable(product.name, product.sku, product.description)
        product.save(update_fields=["search_text"])


def make_index(apps, schema_editor):
    """Trigrams, so that PostgreSQL finds a part of a word by an index; SQLite looks at every row."""
    if schema_editor.connection.vendor == "postgresql":
        # Since PostgreSQL 13 whoever owns the database may do this.
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        schema_editor.execute(
            "CREATE INDEX products_by_search_text ON products_product USING gin (search_text gin_trgm_ops)"
        )


def drop_index(apps, schema_editor):
    schema_editor.execute("DROP INDEX IF EXISTS products_by_search_text")


class Migration(migrations.Migration):
    """What search looks into, filled for the products that are there."""

    dependencies = [("products", "0002_append_only")]

    operations = [
        migrations.AddField("product", "search_text", models.TextField(default="", editable=False)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(make_index, drop_index),
    ]
