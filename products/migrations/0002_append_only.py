from django.db import migrations

from products.db import append_only


class Migration(migrations.Migration):
    """The ledger is never changed or deleted, events never changed: the database refuses it."""

    dependencies = [("products", "0001_initial")]

    operations = [migrations.RunPython(append_only.install, append_only.remove)]
