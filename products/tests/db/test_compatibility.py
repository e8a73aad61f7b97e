"""Migrations that a release could not survive which is still running are refused, and their harmless forms are not."""

import pytest
from django.core.management import CommandError, call_command
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from products.db.compatibility import breaking_changes
from products.management.commands import check_migrations
from products.management.commands.check_migrations import EXEMPT, refused_migrations


def order_fields():
    return [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=100)),
        ("note", models.CharField(max_length=100, null=True)),
        ("carrier", models.CharField(max_length=100, db_default="")),
        ("total", models.DecimalField(max_digits=9, decimal_places=2)),
    ]


def changes_of(*operations):
    """Return what is wrong with a migration of these operations, for an app that has the table shop_order."""
    state = ProjectState()
    state.add_model(ModelState("shop", "Order", order_fields()))
    migration = migrations.Migration("0002_sample", "shop")
    migration.operations = list(operations)
    return breaking_changes(migration, state)


def add(field, name="is_gift", model="order"):
    return migrations.AddField(model, name, field)


def alter(name, field):
    return migrations.AlterField("order", name, field)


IN_STATE = migrations.SeparateDatabaseAndState

REPEATABLE = {
    "0018_number_orders": "It numbers the orders that have no number yet.",
    "0033_count_fulfilled_lines": "It counts the lines, and sets what was paid, where it is 0.",
}
"""Migrations that commit as they go, each with the reason why `manage.py migrate` may begin them again."""

REFUSED = {
    "a required column, as Django makes it": (
        [add(models.BooleanField(default=False))],
        "adds shop_order.is_gift, NOT NULL without a db_default: the running release inserts rows without it.",
    ),
    "a required foreign key": (
        [add(models.ForeignKey("shop.Order", models.PROTECT), "parent")],
        "adds shop_order.parent_id, NOT NULL without a db_default: the running release inserts rows without it.",
    ),
    "a column that is dropped": (
        [migrations.RemoveField("order", "note")],
        "drops or renames the column shop_order.note, which the running release uses.",
    ),
    "a column that is renamed": (
        [migrations.RenameField("order", "note", "remark")],
        "drops or renames the column shop_order.note, which the running release uses.",
    ),
    "a column that gets another name in the database": (
        [alter("note", models.CharField(max_length=100, null=True, db_column="remark"))],
        "drops or renames the column shop_order.note, which the running release uses.",
    ),
    "a table that is dropped": (
        [migrations.DeleteModel("Order")],
        "drops or renames the table shop_order, which the running release uses.",
    ),
    "a table that is renamed with its model": (
        [migrations.RenameModel("Order", "Purchase")],
        "drops or renames the table shop_order, which the running release uses.",
    ),
    "a table that gets another name in the database": (
        [migrations.AlterModelTable("order", "purchases")],
        "drops or renames the table shop_order, which the running release uses.",
    ),
    "a column that becomes required": (
        [alter("note", models.CharField(max_length=100))],
        "makes shop_order.note NOT NULL without a db_default: the running release may leave it out.",
    ),
    "a required column that loses its default": (
        [alter("carrier", models.CharField(max_length=100))],
        "makes shop_order.carrier NOT NULL without a db_default: the running release may leave it out.",
    ),
    "a column that becomes shorter": (
        [alter("name", models.CharField(max_length=50))],
        "changes the type of shop_order.name, so that it may not hold what the running release writes.",
    ),
    "a column of another type": (
        [alter("total", models.IntegerField())],
        "changes the type of shop_order.total, so that it may not hold what the running release writes.",
    ),
    "a column with other decimals": (
        [alter("total", models.DecimalField(max_digits=9, decimal_places=4))],
        "changes the type of shop_order.total, so that it may not hold what the running release writes.",
    ),
    "a column that is dropped in the database only": (
        [IN_STATE(database_operations=[migrations.RemoveField("order", "note")])],
        "drops or renames the column shop_order.note, which the running release uses.",
    ),
    "a column that is dropped by SQL": (
        [migrations.RunSQL("ALTER TABLE shop_order DROP COLUMN note")],
        "runs 'DROP COLUMN'.",
    ),
    "a column that gets another type by SQL": (
        [migrations.RunSQL("alter table shop_order alter column note type varchar(50)")],
        "runs 'alter column note type'.",
    ),
}

ACCEPTED = {
    "a column with a default in the database": [add(models.BooleanField(db_default=False))],
    "a column that may be empty": [add(models.BooleanField(null=True))],
    "a generated column": [
        add(
            models.GeneratedField(
                expression=models.F("total") * 2,
                output_field=models.DecimalField(max_digits=9, decimal_places=2),
                db_persist=True,
            )
        )
    ],
    "a required column in three steps": [
        add(models.CharField(max_length=8, null=True), "number"),
        alter("number", models.CharField(max_length=8, null=True, db_default="X")),
        migrations.RunPython(migrations.RunPython.noop),
        alter("number", models.CharField(max_length=8, unique=True, db_default="X")),
    ],
    "a new table with all its columns": [
        migrations.CreateModel("Address", [("id", models.BigAutoField(primary_key=True))]),
        add(models.CharField(max_length=100), "city", model="address"),
        migrations.AddConstraint(
            "address", models.CheckConstraint(condition=~models.Q(city=""), name="a_city_has_a_name")
        ),
        migrations.RemoveField("address", "city"),
    ],
    "a field that is renamed and keeps its column": [
        IN_STATE(
            state_operations=[
                migrations.RenameField("order", "note", "remark"),
                alter("remark", models.CharField(max_length=100, null=True, db_column="note")),
            ]
        )
    ],
    "a field that only the code forgets": [IN_STATE(state_operations=[migrations.RemoveField("order", "note")])],
    "a column that becomes longer": [alter("name", models.CharField(max_length=200))],
    "a column that may be empty from now on": [alter("name", models.CharField(max_length=100, null=True))],
    "other validators": [alter("name", models.CharField(max_length=100, blank=True, help_text="What it is."))],
    "an index": [migrations.AddIndex("order", models.Index(fields=["name"], name="orders_by_name"))],
    "SQL that adds something": [migrations.RunSQL("CREATE INDEX by_type ON shop_order (type)")],
}


@pytest.mark.parametrize(("operations", "sentence"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused(operations, sentence):
    assert changes_of(*operations) == [sentence]


@pytest.mark.parametrize("operations", ACCEPTED.values(), ids=ACCEPTED)
def test_it_is_accepted(operations):
    assert changes_of(*operations) == []


def test_the_migrations_of_the_shop_pass(capsys):
    call_command("check_migrations")

    assert capsys.readouterr().out == "No migration breaks the running release.\n"


def test_a_migration_that_is_not_undone_by_a_failure_is_known_to_be_repeatable():
    nodes = MigrationLoader(None).graph.nodes

    not_atomic = {name for (app, name), migration in nodes.items() if app == "products" and not migration.atomic}

    assert not_atomic == set(REPEATABLE)


def test_only_what_would_be_refused_is_exempt():
    assert set(refused_migrations()) == set(EXEMPT)


def test_what_is_refused_ends_the_command_with_its_sentences(monkeypatch):
    monkeypatch.delitem(check_migrations.EXEMPT, "0003_product_search")

    with pytest.raises(CommandError) as refused:
        call_command("check_migrations")

    assert str(refused.value) == (
        "0003_product_search adds products_product.search_text, NOT NULL without a db_default: the running release"
        " inserts rows without it.\nCONTRIBUTING.md says how to change a table in several steps."
    )
