"""Charts are well-formed SVG with a title, a description and a table, and what they show is escaped."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from xml.etree import ElementTree

from products.admin.charts import HEIGHT, WIDTH, bar_chart, step_chart


def drawing_of(chart: str) -> ElementTree.Element:
    [svg] = re.findall(r"<svg.*?</svg>", chart, re.DOTALL)
    return ElementTree.fromstring(svg)


def test_the_highest_bar_fills_the_chart_and_half_of_it_the_half():
    chart = bar_chart([("1 May", Decimal("10.00")), ("2 May", Decimal("5.00"))], title="Revenue")

    heights = [float(bar.get("height", "")) for bar in drawing_of(chart).iter("rect")]
    assert heights == [HEIGHT, HEIGHT / 2]


def test_a_negative_bar_hangs_below_the_axis():
    chart = bar_chart([("1 May", 10), ("2 May", -10)], title="Revenue")

    above, below = drawing_of(chart).iter("rect")
    assert (float(above.get("y", "")), float(below.get("y", ""))) == (0, HEIGHT / 2)


def test_a_month_without_sales_draws_flat_bars():
    chart = bar_chart([("1 May", 0), ("2 May", 0)], title="Revenue")

    assert {bar.get("height") for bar in drawing_of(chart).iter("rect")} == {"0.00"}


def test_a_chart_is_an_image_with_a_name_and_a_description():
    drawing = drawing_of(bar_chart([("1 May", 3), ("2 May", 4)], title="Orders a day", unit="orders"))

    title, desc = drawing.find("title"), drawing.find("desc")
    assert drawing.get("role") == "img"
    assert drawing.get("aria-labelledby") == title.get("id") == "chart-orders-a-day-title"
    assert drawing.get("aria-describedby") == desc.get("id")
    assert title.text == "Orders a day"
    assert desc.text == "2 bars from 1 May to 2 May. The highest is 4 orders, 2 May."


def test_the_table_beside_a_chart_has_every_value():
    chart = bar_chart([("1 May", Decimal("3.50")), ("2 May", Decimal("4.00"))], title="Revenue", unit="EUR")

    assert '<th scope="row">1 May</th><td>3.50</td>' in chart
    assert '<th scope="row">2 May</th><td>4.00</td>' in chart


def test_a_step_stays_until_the_next_point():
    chart = step_chart(
        [(datetime(2026, 5, day, tzinfo=UTC), stock) for day, stock in ((1, 10), (2, 5), (3, 0))], title="Stock"
    )

    line = next(path for path in drawing_of(chart).iter("path") if path.get("class") == "chart-line")
    assert line.get("d") == f"M0.00 0.00H{WIDTH / 2:.2f}V{HEIGHT / 2:.2f}H{WIDTH:.2f}V{HEIGHT:.2f}H{WIDTH}"


def test_one_point_is_a_level_line():
    chart = step_chart([(datetime(2026, 5, 1, tzinfo=UTC), 10)], title="Stock")

    line = next(path for path in drawing_of(chart).iter("path") if path.get("class") == "chart-line")
    assert line.get("d") == f"M0.00 0.00H{WIDTH}"


def test_nothing_is_said_in_words():
    for chart in (bar_chart([], title="Revenue"), step_chart([], title="Stock")):
        assert "<svg" not in chart
        assert "Nothing to show yet." in chart


def test_a_chart_escapes_names_and_needs_no_inline_style_or_script():
    chart = bar_chart([("<script>alert(1)</script>", 1)], title='"><img onerror=x>')

    for unwanted in ("<script", "<img", "style="):
        assert unwanted not in chart
