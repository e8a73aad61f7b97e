from django.db import migrations

from products.db import triggers


class Migration(migrations.Migration):
    """The trigger that sets what was paid, for the release before, leaves orders alone that were cancelled in part."""

    dependencies = [("products", "0038_late_lines_at_a_constant_cost")]

    operations = [migrations.RunPython(triggers.install, triggers.install)]
