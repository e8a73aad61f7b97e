from products.tests.conftest import _flush_may_empty_the_ledger  # noqa: F401 - a fixture for whoever has a database
