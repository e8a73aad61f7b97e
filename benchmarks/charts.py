"""Charts of the results, as SVG that is readable on light and on dark backgrounds."""

from collections.abc import Mapping, Sequence
from html import escape

COLORS = ["#2563eb", "#d97706", "#059669", "#9333ea", "#64748b", "#dc2626", "#0891b2", "#84cc16", "#db2777"]
WIDTH, LINE, MARGIN, LABELS = 760, 16, 24, 250
STYLE = "text{font:12px system-ui,sans-serif;fill:#64748b}line{stroke:#94a3b8;stroke-width:1}"


def bar_chart(heading: str, groups: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """Draw groups of bars, each group on its own scale: {group: {name: value}}."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    parts, top = [_text(0, MARGIN - 8, heading)], MARGIN
    for group, values in groups.items():
        highest = max(values.values()) or 1
        parts.append(_text(0, top + LINE - 4, group))
        for name, value in values.items():
            length = (WIDTH - LABELS - 200) * value / highest
            color = COLORS[names.index(name) % len(COLORS)]
            parts.append(f'<rect x="{LABELS}" y="{top}" width="{length:.1f}" height="{LINE - 3}" fill="{color}"/>')
            parts.append(_text(LABELS + length + 6, top + LINE - 5, f"{value:,.0f} {unit}, {name}"))
            top += LINE
        top += LINE // 2
    return _svg(parts, top + MARGIN)


def line_chart(heading: str, labels: Sequence[str], lines: Mapping[str, Sequence[float]], limit: float) -> str:
    """Draw one line per name, with a value for each label, on a scale from 0 to at least `limit`, which is marked."""
    top, height = MARGIN + 8, 260
    highest = max(limit, *(value for values in lines.values() for value in values)) * 1.05
    step = (WIDTH - LABELS - 120) / max(1, len(labels) - 1)

    def point(position: int, value: float) -> tuple[float, float]:
        return 40 + position * step, top + height * (1 - value / highest)

    parts = [_text(0, MARGIN - 8, heading)]
    for value in (0.0, 1.0, limit):
        y = point(0, value)[1]
        parts.append(f'<line x1="40" x2="{40 + step * (len(labels) - 1):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(0, y + 4, f"{value:g} ×"))
    for number, (name, values) in enumerate(lines.items()):
        color = COLORS[number % len(COLORS)]
        points = " ".join("{:.1f},{:.1f}".format(*point(position, value)) for position, value in enumerate(values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(f'<rect x="{WIDTH - 235}" y="{top + number * LINE}" width="12" height="10" fill="{color}"/>')
        parts.append(_text(WIDTH - 218, top + number * LINE + 10, name))
    for number, label in enumerate(labels):
        for line, words in enumerate(label.split(", ")):
            parts.append(_text(40 + number * (step - 30), top + height + 20 + line * LINE, words))
    return _svg(parts, top + height + 50)


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _svg(parts: Sequence[str], height: float) -> str:
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', f"<style>{STYLE}</style>", *parts, "</svg>\n"]
    )
