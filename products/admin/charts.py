"""Charts, drawn on the server as SVG. Colours come from static/admin/charts.css, which a page has to link.

The texts and numbers of a chart are HTML around the drawing. Only the drawing is stretched to the available width, so
the texts stay readable on a phone. A table beside the drawing has every value.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, localize
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify

WIDTH, HEIGHT = 720, 160
"""The coordinates of a drawing."""

GAP = 0.2
"""How much of the room for a bar stays empty."""

STYLES = ("admin/charts.css",)
"""What a page with a chart links: forms.Media(css={"all": STYLES})."""

Number = Decimal | int


def bar_chart(
    values: Sequence[tuple[str, Number]],
    *,
    title: str,
    label: str = "Day",
    unit: str = "",
    empty: str = "Nothing to show yet.",
) -> SafeString:
    """Return a chart with a bar for each (label, value), such as the revenue of thirty days.

    The title has to be unique on its page. `label` and `unit` name the two columns of the table.
    """
    if not values:
        return _without_drawing(title, empty)
    numbers = [number for _, number in values]
    scale = _Scale(numbers)
    room = WIDTH / len(values)
    bars = format_html_join(
        "\n",
        '<rect class="chart-bar" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (
                _coordinate((position + GAP / 2) * room),
                _coordinate(scale.y(max(number, 0))),
                _coordinate((1 - GAP) * room),
                _coordinate(scale.y(min(number, 0)) - scale.y(max(number, 0))),
                f"{name}: {_with_unit(number, unit)}",
            )
            for position, (name, number) in enumerate(values)
        ),
    )
    zero = _coordinate(scale.y(0))
    axis = format_html('<line class="chart-axis" x1="0" y1="{}" x2="{}" y2="{}"/>', zero, WIDTH, zero)
    highest = max(values, key=lambda pair: pair[1])
    return _figure(
        title=title,
        description=(
            f"{len(values)} bars from {values[0][0]} to {values[-1][0]}. "
            f"The highest is {_with_unit(highest[1], unit)}, {highest[0]}."
        ),
        drawing=format_html("{}{}", axis, bars),
        scale=scale,
        unit=unit,
        ends=(values[0][0], values[-1][0]),
        head=(label, unit or "Value"),
        rows=values,
    )


def step_chart(
    points: Sequence[tuple[datetime, int]],
    *,
    title: str,
    label: str = "When",
    unit: str = "",
    empty: str = "Nothing to show yet.",
) -> SafeString:
    """Return a chart of a number that stays the same until the next point, such as a product's stock over time.

    The points must be in time order. The last value extends to the right edge, which a point for now can mark.
    """
    if not points:
        return _without_drawing(title, empty)
    named = [(date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT"), number) for at, number in points]
    numbers = [number for _, number in points]
    scale = _Scale(numbers)
    start = points[0][0]
    span = (points[-1][0] - start).total_seconds() or 1
    path = ""
    for at, number in points:
        x, y = _coordinate((at - start).total_seconds() / span * WIDTH), _coordinate(scale.y(number))
        path += f"H{x}V{y}" if path else f"M{x} {y}"
    zero = _coordinate(scale.y(0))
    drawing = format_html(
        '<path class="chart-area" d="{}H{}V{}H0Z"/><line class="chart-axis" x1="0" y1="{}" x2="{}" y2="{}"/>'
        '<path class="chart-line" d="{}H{}"/>',
        path,
        WIDTH,
        zero,
        zero,
        WIDTH,
        zero,
        path,
        WIDTH,
    )
    return _figure(
        title=title,
        description=(
            f"A line from {_with_unit(numbers[0], unit)}, {named[0][0]}, to {_with_unit(numbers[-1], unit)}, "
            f"{named[-1][0]}. The lowest is {_with_unit(min(numbers), unit)}, the highest "
            f"{_with_unit(max(numbers), unit)}."
        ),
        drawing=drawing,
        scale=scale,
        unit=unit,
        ends=(named[0][0], named[-1][0]),
        head=(label, unit or "Value"),
        rows=named,
    )


class _Scale:
    """Maps numbers to positions on the drawing, which always includes zero."""

    def __init__(self, numbers: Iterable[Number]) -> None:
        everything = [0, *numbers]
        self.low, self.high = min(everything), max(everything)

    def y(self, number: Number) -> float:
        return HEIGHT - HEIGHT * float(number - self.low) / (float(self.high - self.low) or 1)


def _figure(
    *,
    title: str,
    description: str,
    drawing: SafeString,
    scale: _Scale,
    unit: str,
    ends: tuple[str, str],
    head: tuple[str, str],
    rows: Sequence[tuple[str, Any]],
) -> SafeString:
    name = f"chart-{slugify(title)}"
    cells = format_html_join(
        "\n", '<tr><th scope="row">{}</th><td>{}</td></tr>', ((label, localize(value)) for label, value in rows)
    )
    return format_html(
        '<figure class="chart"><figcaption>{title}</figcaption>'
        '<p class="chart-scale" aria-hidden="true">Up to {high}</p>'
        '<svg role="img" aria-labelledby="{name}-title" aria-describedby="{name}-desc" viewBox="0 0 {width} {height}" '
        'preserveAspectRatio="none"><title id="{name}-title">{title}</title><desc id="{name}-desc">{description}</desc>'
        "{drawing}</svg>"
        '<p class="chart-ends" aria-hidden="true"><span>{first}</span><span>{last}</span></p>'
        '<details><summary>As a table</summary><div class="chart-table" tabindex="0" role="region" '
        'aria-label="{title}"><table><caption class="visually-hidden">{title}</caption>'
        '<thead><tr><th scope="col">{label}</th><th scope="col">{value}</th></tr></thead>'
        "<tbody>{cells}</tbody></table></div></details></figure>",
        title=title,
        name=name,
        width=WIDTH,
        height=HEIGHT,
        description=description,
        drawing=drawing,
        high=_with_unit(scale.high, unit),
        first=ends[0],
        last=ends[1],
        label=head[0],
        value=head[1],
        cells=cells,
    )


def _without_drawing(title: str, empty: str) -> SafeString:
    return format_html('<figure class="chart"><figcaption>{}</figcaption><p>{}</p></figure>', title, empty)


def _with_unit(number: Number, unit: str) -> str:
    return f"{localize(number)} {unit}".strip()


def _coordinate(value: float) -> str:
    return f"{value:.2f}"
