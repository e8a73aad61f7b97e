from products.testing import allows_flush  # noqa: F401 - for the tests that commit
