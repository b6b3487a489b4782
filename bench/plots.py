"""Draws docs/images/throughput-*.svg from build/bench.json (bench/sizes.py; the fact's size from
bench/transformer.py --fact, several of them).

    python bench/plots.py

Size on a logarithmic axis, rate or time from zero: a flat line is a cost that does not grow.
"""

import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# not this folder: it would hide packages of the same name
sys.path[0] = str(ROOT / "tests")

from support import figures

IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 50
CHARTS = {
    "generator": ("Generator, into Kafka", "events of a batch", "events/s"),
    "sink": ("Sink, Kafka to objects", "events in the topic", "events/s"),
    "loader": ("Loader, objects to rows", "rows of a file", "rows/s"),
    "transformer": (
        "Transformer, a file of 10,000 rows to the marts",
        "rows of the fact",
        "seconds",
    ),
}
FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" \
font-size="12" fill="#333">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{left}" y="22" font-size="15">{title}</text>
{parts}
<text x="{middle}" y="{foot}" text-anchor="middle">{x_name}</text>
</svg>
"""


def round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    power: float = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def short(value: float) -> str:
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def chart(title: str, x_name: str, y_name: str, curve: list[tuple[float, float]]) -> str:
    """SVG of (size, rate) points."""
    first, last = math.log10(curve[0][0]), math.log10(curve[-1][0])
    top = round_up(max(rate for _, rate in curve))

    def x(size: float) -> float:
        return LEFT + (math.log10(size) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(rate: float) -> float:
        return HEIGHT - BOTTOM - rate / top * (HEIGHT - TOP - BOTTOM)

    parts = []
    for rate in (top * n / 4 for n in range(5)):
        parts += [
            f'<path d="M{LEFT} {y(rate):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>',
            f'<text x="{LEFT - 8}" y="{y(rate) + 4:.1f}" text-anchor="end">{short(rate)}</text>',
        ]
    parts.append(f'<text x="{LEFT - 8}" y="{TOP - 8}" text-anchor="end">{y_name}</text>')
    line = " ".join(f"{x(size):.1f},{y(rate):.1f}" for size, rate in curve)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#0b6e99" stroke-width="2"/>')
    for size, rate in curve:
        parts += [
            f'<circle cx="{x(size):.1f}" cy="{y(rate):.1f}" r="4" fill="#0b6e99"/>',
            f'<text x="{x(size):.1f}" y="{y(rate) - 10:.1f}" text-anchor="middle">'
            f"{short(float(f'{rate:.2g}'))}</text>",
            f'<text x="{x(size):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
            f"{short(size)}</text>",
        ]
    return FRAME.format(
        width=WIDTH, height=HEIGHT, left=LEFT, title=title, parts="\n".join(parts),
        middle=(LEFT + WIDTH - RIGHT) / 2, foot=HEIGHT - 10, x_name=x_name,
    )  # fmt: skip


def main() -> None:
    found = figures.recorded()
    curves = found.get("sizes", {}) | {"transformer": found.get("transformer", {}).get("curve", [])}
    drawn = [name for name in CHARTS if len(curves.get(name, [])) > 1]
    if not drawn:
        sys.exit("nothing to draw: `make bench STAGE=sizes` measures it first")
    IMAGES.mkdir(exist_ok=True)
    for name in drawn:
        file = IMAGES / f"throughput-{name}.svg"
        file.write_text(chart(*CHARTS[name], curves[name]))
        print(file.relative_to(ROOT))


if __name__ == "__main__":
    main()
