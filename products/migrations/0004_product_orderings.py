from django.db import migrations, models


class Migration(migrations.Migration):
    """An index behind each order in which the catalogue can be paged through."""

    dependencies = [("products", "0003_product_search")]

    operations = [
        migrations.AddIndex("product", models.Index(fields=fields, name=name))
        for name, fields in [
            ("products_by_name", ["name", "id"]),
            ("products_by_price", ["price", "id"]),
            ("products_by_creation", ["created_at", "id"]),
            ("products_by_change", ["updated_at", "id"]),
        ]
    ]
