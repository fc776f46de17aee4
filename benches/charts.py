"""Charts as SVG files that can be read on a light and on a dark page. Nothing but the standard library is needed."""

import math
from xml.sax.saxutils import escape

STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.page { fill: #ffffff } .title { font-weight: 600; font-size: 14px } .faint { fill: #57606a } .grid { stroke: #d0d7de }
.f0 { fill: #0969da } .f1 { fill: #bf5700 } .f2 { fill: #1a7f37 } .f3 { fill: #8250df } .f4 { fill: #9a6700 }
.s0 { stroke: #0969da } .s1 { stroke: #bf5700 } .s2 { stroke: #1a7f37 } .s3 { stroke: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .page { fill: #0d1117 } .faint { fill: #9198a1 } .grid { stroke: #30363d }
.f0 { fill: #4493f8 } .f1 { fill: #f0883e } .f2 { fill: #3fb950 } .f3 { fill: #ab7df8 } .f4 { fill: #d29922 }
.s0 { stroke: #4493f8 } .s1 { stroke: #f0883e } .s2 { stroke: #3fb950 } .s3 { stroke: #ab7df8 }
}
</style>"""
WIDTH = 760
MARGIN = 16
# Width that is reckoned for a character of a label.
CHARACTER = 6.6


def number(value):
    """A value as a label: three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def text(x, y, content, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(content)}</text>'


def document(height, title, parts):
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" '
        f'role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">'
    )
    page = f'<rect class="page" width="{WIDTH}" height="{height:.0f}" rx="6"/>'
    return "\n".join([head, STYLE, page, text(MARGIN, 26, title, "title"), *parts, "</svg>"]) + "\n"


def legend(names, y):
    parts, x = [], MARGIN
    for place, name in enumerate(names):
        parts.append(f'<rect class="f{place}" x="{x:.1f}" y="{y - 9}" width="10" height="10" rx="2"/>')
        parts.append(text(x + 15, y, name, "faint"))
        x += 35 + CHARACTER * len(name)
    return parts


def bars(title, series, rows):
    """Bars that lie: `rows` are a label and one value (or None) for each of `series`."""
    bar, gap = 16, 12
    left = MARGIN + 10 + CHARACTER * max(len(label) for label, _ in rows)
    most = max(value for _, values in rows for value in values if value is not None) or 1
    room = WIDTH - left - MARGIN - 70
    parts, y = [], 42
    if len(series) > 1:
        parts += legend(series, y + 8)
        y += 22
    for label, values in rows:
        parts.append(text(left - 10, y + bar * len(values) / 2 + 4, label, anchor="end"))
        for place, value in enumerate(values):
            if value is not None:
                width = max(1.0, room * value / most)
                parts.append(f'<rect class="f{place}" x="{left:.1f}" y="{y}" width="{width:.1f}" height="{bar - 2}" rx="2"/>')
                parts.append(text(left + width + 6, y + bar - 5, number(value), "faint"))
            y += bar
        y += gap
    return document(y + 4, title, parts)


def lines(title, series, points):
    """Lines over a logarithmic axis of counts: `points` are a count and one value for each of `series`; each line from zero on."""
    height, top, bottom = 300, 64, 264
    left, right = 70, WIDTH - 40
    first, last = math.log10(points[0][0]), math.log10(points[-1][0])
    most = max(value for _, values in points for value in values) * 1.1 or 1
    parts = legend(series, 50)

    def x(count):
        return left + (right - left) * (math.log10(count) - first) / ((last - first) or 1)

    def y(value):
        return bottom - (bottom - top) * value / most

    for step in range(5):
        value = most * step / 4
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(text(left - 8, y(value) + 4, number(value) if value else "0", "faint", "end"))
    for count, _ in points:
        parts.append(text(x(count), bottom + 20, f"{count / 1e6:.0f} M" if count >= 1e6 else f"{count:,}", "faint", "middle"))
    for place in range(len(series)):
        path = " ".join(f"{x(count):.1f},{y(values[place]):.1f}" for count, values in points)
        parts.append(f'<polyline class="s{place}" fill="none" stroke-width="2" points="{path}"/>')
        for count, values in points:
            parts.append(f'<circle class="f{place}" cx="{x(count):.1f}" cy="{y(values[place]):.1f}" r="3.5"/>')
    return document(height, title, parts)
