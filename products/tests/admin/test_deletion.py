from products.models import Category, Product

PRODUCTS = "/admin/products/product/"


def deletion(product):
    return f"{PRODUCTS}{product.pk}/delete/"


def test_a_product_is_not_deleted_and_has_no_button_for_it(staff, client_of, a_product):
    mug = a_product()
    browser = client_of(staff)

    page = browser.get(f"{PRODUCTS}{mug.pk}/change/")
    insisted = browser.post(deletion(mug), {"post": "yes"})

    assert deletion(mug) not in page.content.decode()
    assert insisted.status_code == 403
    assert list(Product.objects.all()) == [mug]


def test_products_cannot_be_deleted_in_bulk(staff, client_of, a_product):
    a_product()

    offered = client_of(staff).get(PRODUCTS).context["action_form"].fields["action"].choices

    assert [name for name, _ in offered] == ["", "retire_selected", "bring_back_selected"]


def test_a_category_with_products_is_protected(staff, client_of, a_category, a_product):
    a_product(category=a_category)

    answer = client_of(staff).post(f"/admin/products/category/{a_category.pk}/delete/", {"post": "yes"})

    assert (answer.status_code, len(answer.context["protected"])) == (200, 1)
    assert Category.objects.count() == 1
