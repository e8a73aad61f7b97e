"""OPTIONS says what a URL is, and nothing that the OpenAPI document knows better."""

import pytest

pytestmark = pytest.mark.django_db

DESCRIPTION = {"name", "description", "renders", "parses"}


@pytest.mark.parametrize(
    "path", ["/api/products", "/api/products/{product}", "/api/orders", "/api/orders/quote", "/api/cart", "/api/tokens"]
)
def test_options_names_no_fields(api, staff, a_product, path):
    product = a_product()

    answer = api(staff).options(path.format(product=product.pk))

    assert answer.status_code == 200
    assert set(answer.json()) == DESCRIPTION
