"""Pictures of the results, as SVG that reads in light and in dark."""

from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ["#2563eb", "#d97706", "#059669", "#9333ea", "#64748b", "#dc2626", "#0891b2", "#84cc16", "#db2777"]
WIDTH, LINE, MARGIN, LABELS = 760, 16, 24, 250
STYLE = "text{font:12px system-ui,sans-serif;fill:#64748b}line{stroke:#94a3b8;stroke-width:1}"


def bars(heading: str, groups: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """Groups of bars, each group to its own scale: {group: {who: value}}."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    parts, top = [_text(0, MARGIN - 8, heading)], MARGIN
    for group, values in groups.items():
        most = max(values.values()) or 1
        parts.append(_text(0, top + LINE - 4, group))
        for name, value in values.items():
            length = (WIDTH - LABELS - 200) * value / most
            colour = COLOURS[names.index(name) % len(COLOURS)]
            parts.append(f'<rect x="{LABELS}" y="{top}" width="{length:.1f}" height="{LINE - 3}" fill="{colour}"/>')
            parts.append(_text(LABELS + length + 6, top + LINE - 5, f"{value:,.0f} {unit}, {name}"))
            top += LINE
        top += LINE // 2
    return _svg(parts, top + MARGIN)


def curves(heading: str, places: Sequence[str], lines: Mapping[str, Sequence[float]], limit: float) -> str:
    """A line for each name through its values at the places, from 0 to at least `limit`, which is drawn as well."""
    top, height = MARGIN + 8, 260
    most = max(limit, *(value for values in lines.values() for value in values)) * 1.05
    step = (WIDTH - LABELS - 120) / max(1, len(places) - 1)

    def point(place: int, value: float) -> tuple[float, float]:
        return 40 + place * step, top + height * (1 - value / most)

    parts = [_text(0, MARGIN - 8, heading)]
    for value in (0.0, 1.0, limit):
        y = point(0, value)[1]
        parts.append(f'<line x1="40" x2="{40 + step * (len(places) - 1):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(0, y + 4, f"{value:g} ×"))
    for number, (name, values) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join("{:.1f},{:.1f}".format(*point(place, value)) for place, value in enumerate(values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<rect x="{WIDTH - 235}" y="{top + number * LINE}" width="12" height="10" fill="{colour}"/>')
        parts.append(_text(WIDTH - 218, top + number * LINE + 10, name))
    for number, place in enumerate(places):
        for line, words in enumerate(place.split(", ")):
            parts.append(_text(40 + number * (step - 30), top + height + 20 + line * LINE, words))
    return _svg(parts, top + height + 50)


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _svg(parts: Sequence[str], height: float) -> str:
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', f"<style>{STYLE}</style>", *parts, "</svg>\n"]
    )
