from django.db import migrations

from products.db import triggers


class Migration(migrations.Migration):
    """The ledger is never changed or deleted, events never changed: the database refuses it."""

    dependencies = [("products", "0001_initial")]

    operations = [migrations.RunPython(triggers.install_history, triggers.remove)]
