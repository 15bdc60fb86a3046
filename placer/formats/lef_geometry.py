"""Shapes of LEF ports and obstructions, as rectangles."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

from placer.formats.tokens import Tokens

Rect = tuple[str, float, float, float, float]
"""Layer, then x1, y1, x2, y2 in um with x1 <= x2 and y1 <= y2."""

_MOST_COPIES = 100_000  # of one shape with ITERATE
MOST_POINTS = 1_000  # of one polygon


def read_geometry(tokens: Tokens, widths: dict[str, float]) -> list[Rect]:
    """The shapes up to END, after PORT or OBS.

    RECT and PATH with and without ITERATE; rectilinear polygons become rectangles that cover exactly their
    area, any other polygon its bounding box. Vias are stepped over.

    Args:
        tokens: at the first word after PORT or OBS.
        widths: default width of each layer in um, for paths.
    """
    rects: list[Rect] = []
    layer, width = "", 0.0
    while True:
        word = tokens.take("END").upper()
        if word == "END":
            return rects
        words = tokens.statement(f"the statement {word}")
        if word == "LAYER":
            layer = words[0] if words else tokens.fail("a layer's name")
            width = widths.get(layer, 0.0)
        elif word == "WIDTH":
            width = tokens.numbers(words, 1, "width")[0]
        elif word in ("RECT", "POLYGON", "PATH"):
            if not layer:
                tokens.fail("LAYER before the first shape", word)
            for x1, y1, x2, y2 in _shape(tokens, word, words, width):
                rects.append((layer, x1, y1, x2, y2))
        elif word not in ("VIA", "CLASS"):
            tokens.fail("LAYER, WIDTH, RECT, POLYGON, PATH, VIA or END", word)


def _shape(tokens: Tokens, kind: str, words: list[str], width: float) -> list[tuple[float, ...]]:
    words = [word for word in words if word not in ("(", ")")]
    if words and words[0].upper() == "MASK":
        words = words[2:]
    copies = [(0.0, 0.0)]
    if words and words[0].upper() == "ITERATE":
        words, copies = _copies(tokens, words[1:])
    values = [tokens.number(word) for word in words]
    points = list(zip(values[::2], values[1::2], strict=False))
    if len(values) % 2:
        tokens.fail("an even count of coordinates", str(len(values)))
    if kind == "RECT":
        if len(points) != 2:
            tokens.fail("four coordinates of a RECT", str(len(values)))
        boxes = [_box(points)]
    elif kind == "PATH":
        if not points:
            tokens.fail("the points of a PATH")
        half = width / 2
        ends = list(pairwise(points)) or [(points[0], points[0])]
        boxes = [(x1 - half, y1 - half, x2 + half, y2 + half) for x1, y1, x2, y2 in map(_box, ends)]
    else:
        if not 3 <= len(points) <= MOST_POINTS:
            tokens.fail(f"3 to {MOST_POINTS} points of a POLYGON", str(len(points)))
        boxes = polygon_boxes(points)
    return [(x1 + dx, y1 + dy, x2 + dx, y2 + dy) for dx, dy in copies for x1, y1, x2, y2 in boxes]


def _copies(tokens: Tokens, words: list[str]) -> tuple[list[str], list[tuple[float, float]]]:
    """Split ``... DO columns BY rows STEP dx dy`` off; the shifts that it stands for."""
    tail = [word.upper() for word in words[-7:]]
    if len(tail) != 7 or (tail[0], tail[2], tail[4]) != ("DO", "BY", "STEP"):
        tokens.fail("DO columns BY rows STEP dx dy after ITERATE", " ".join(words))
    columns, rows = tokens.integer(tail[1]), tokens.integer(tail[3])
    if columns < 1 or rows < 1 or columns * rows > _MOST_COPIES:
        tokens.fail(f"1 to {_MOST_COPIES} copies", f"{columns} BY {rows}")
    dx, dy = tokens.number(tail[5]), tokens.number(tail[6])
    return words[:-7], [(column * dx, row * dy) for row in range(rows) for column in range(columns)]


def _box(
    points: list[tuple[float, float]] | tuple[tuple[float, float], ...],
) -> tuple[float, float, float, float]:
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def polygon_boxes(points: list[tuple[float, float]]) -> list[tuple[float, float, float, float]]:
    """Boxes (x1, y1, x2, y2) that cover a rectilinear polygon exactly, one bounding box for any other.

    The polygon is cut at the y of each corner; equal spans of neighbouring slabs are joined.
    """
    edges = list(zip(points, [*points[1:], points[0]], strict=True))
    if any(x1 != x2 and y1 != y2 for (x1, y1), (x2, y2) in edges):
        return [_box(points)]
    cuts = sorted({y for _, y in points})
    crossings: list[list[float]] = [[] for _ in cuts[1:]]  # x of the vertical edges that cross each slab
    for (x, y1), (_, y2) in edges:
        for slab in range(bisect_left(cuts, min(y1, y2)), bisect_left(cuts, max(y1, y2))):
            crossings[slab].append(x)
    boxes: list[tuple[float, float, float, float]] = []
    previous: dict[tuple[float, float], float] = {}  # span to the y where it began
    for slab, xs in enumerate([*crossings, []]):
        xs.sort()
        spans = {(a, b) for a, b in zip(xs[::2], xs[1::2], strict=True) if a < b}
        boxes += [(a, start, b, cuts[slab]) for (a, b), start in previous.items() if (a, b) not in spans]
        previous = {span: previous.get(span, cuts[slab]) for span in sorted(spans)}
    return boxes
