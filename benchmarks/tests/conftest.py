from products.tests.conftest import _flush_may_empty_the_ledger  # noqa: F401 - an autouse fixture for tests with a database
