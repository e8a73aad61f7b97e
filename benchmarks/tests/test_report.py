from dataclasses import asdict

import pytest

from benchmarks import report
from benchmarks.tests.test_statistics import a_sample

SALE = {"seconds": 2.0, "statuses": {"201": 200, "409": 800}, "sold": 200, "left": 0, "exact": True}
PAGE = "Before.\n\n<!-- results -->\nold\n<!-- end of results -->\n\n<!-- growth -->\n<!-- end of growth -->\nBehind.\n"


@pytest.fixture
def results():
    def samples(*rates, cpu, errors=0):
        return [asdict(a_sample(rate=rate, server_cpu=cpu, errors=errors)) for rate in rates]

    return {
        "machine": {"CPU": "a fast one"},
        "settings": {"load": "three rounds"},
        "titles": {"shop": "Shop", "drf": "textbook DRF", "pgbench-statement": "pgbench, one statement"},
        "bytes": {"shop": {"page": 7789}, "drf": {"page": 7041}},
        "memory": {"shop": {"before logins": 133.0, "after logins": 292.0}, "drf": {"before logins": 88.7}},
        "cases": {
            "page": {"shop": samples(380, 400, 390, cpu=2.0), "drf": samples(100, 90, 130, cpu=5.0, errors=1)},
        },
        "flash_sales": {"shop": [SALE, {**SALE, "seconds": 4.0}], "drf": [{**SALE, "sold": 201, "exact": False}]},
    }


@pytest.fixture
def growth():
    sizes = [(10_000, 10_000), (1_000_000, 10_000), (1_000_000, 1_000_000)]
    costs = {"page": [2.0, 2.1, 2.2], "order": [4.0, 4.2, 4.8]}
    return {
        "machine": {},
        "builds": [
            {"products": products, "orders": orders, "seconds": 9.0, "memory_mb": 200.0, "database_mb": 40.0}
            for products, orders in sizes
        ],
        "cases": {case: [[asdict(a_sample(server_cpu=cpu))] for cpu in by_size] for case, by_size in costs.items()},
    }


def rows_of(text):
    """Each line of the tables as its cells."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def test_medians_are_compared_with_the_textbooks_and_not_with_the_limit(results):
    rows = rows_of(report.report(results))

    assert ["case", "Shop, per second", "× textbook DRF", "for the same CPU"] in rows
    assert ["product page of 20", "390", "3.90", "2.50"] in rows


def test_every_case_shows_its_range_and_its_errors(results):
    rows = rows_of(report.report(results))

    none = ["0.00"] * 3
    assert ["product page of 20", "Shop", "390", "380–400", *none, "2.00", "0.00", "0"] in rows
    assert ["product page of 20", "textbook DRF", "100", "90.0–130", *none, "5.00", "0.00", "3"] in rows


def test_a_flash_sale_that_sold_too_much_is_not_exact(results):
    rows = rows_of(report.report(results))

    assert ["Shop", "3.00", "2.00–4.00", "200", "2 of 2"] in rows
    assert ["textbook DRF", "2.00", "2.00–2.00", "201", "0 of 1"] in rows


def test_memory_is_shown_before_and_after_the_logins(results):
    rows = rows_of(report.report(results))

    assert ["Shop", "133", "292", "7,789"] in rows
    assert ["textbook DRF", "88.7", "", "7,041"] in rows


def test_growth_says_which_costs_stayed_within_their_limit(growth):
    rows = rows_of(report.report(growth))

    assert ["product page of 20", "2.00", "2.10 (1.05 ×)", "2.20 (1.10 ×)", "1.2 ×", "yes"] in rows
    assert ["order of one line, random product", "4.00", "4.20 (1.05 ×)", "4.80 (1.20 ×)", "1.1 ×", "NO"] in rows


def test_tables_and_pictures_are_put_between_the_pages_markers(results, growth, tmp_path):
    (tmp_path / "performance.md").write_text(PAGE)

    report.write(results, tmp_path)
    report.write(growth, tmp_path)

    page = (tmp_path / "performance.md").read_text()
    assert report.report(results) in page
    assert report.report(growth) in page
    assert (page[:7], page[-8:], "\nold\n" in page) == ("Before.", "Behind.\n", False)
    pictures = sorted(tmp_path.glob("*.svg"))
    assert [picture.name for picture in pictures] == ["performance-growth.svg", "performance-throughput.svg"]
    assert all(f"]({picture.name})" in page and "</svg>" in picture.read_text() for picture in pictures)


def test_a_page_without_the_markers_is_left_alone(results, tmp_path):
    (tmp_path / "performance.md").write_text("Nothing here.")

    with pytest.raises(ValueError, match="There has to be one"):
        report.write(results, tmp_path)

    assert (tmp_path / "performance.md").read_text() == "Nothing here."


def test_the_page_has_a_place_for_both():
    page = (report.DOCS / report.PAGE).read_text()

    for name in ("results", "growth"):
        assert report.between_markers(page, name, "new").count("new\n\n<!-- end of") == 1
