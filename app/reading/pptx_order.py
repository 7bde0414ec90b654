"""The order in which the shapes of a slide are read: cut along the widest gap, again and again."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_CUT = 400  # of more shapes, which no slide has, the cuts would take too long: they are only sorted
SAME_LINE = 0.5  # of the lower height: shapes whose tops differ by less stand side by side


@dataclass(frozen=True, slots=True)
class Box:
    """Where a shape stands, in the units of its slide."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


def reading_order(boxes: Sequence[Box]) -> list[int]:
    """Give the places of the boxes in the order they are read.

    A gap that runs through all shapes parts rows (read from the top) or columns (read from the left); the widest gap
    is the first cut, so that two columns of cards stay columns, and a row of cards under a line stays a row.
    """
    everything = list(range(len(boxes)))
    if len(boxes) > MOST_CUT:
        return by_place(boxes, everything)
    order: list[int] = []
    stack = [everything]
    while stack:
        some = stack.pop()
        if len(some) < 2:
            order.extend(some)
            continue
        rows = widest_gap([(boxes[one].top, boxes[one].bottom, one) for one in some])
        columns = widest_gap([(boxes[one].left, boxes[one].right, one) for one in some])
        gap, first, rest = rows if rows[0] >= columns[0] else columns
        if gap < 0:
            order.extend(by_place(boxes, some))
        else:
            stack += [rest, first]
    return order


def widest_gap(stretches: list[tuple[int, int, int]]) -> tuple[int, list[int], list[int]]:
    """Give the widest gap between stretches, and who stands before and after it; -1 if they all overlap."""
    stretches.sort()
    gap, at = -1, 0
    end = stretches[0][1]
    for index, (start, stop, _) in enumerate(stretches[1:], 1):
        if start - end > gap and start >= end:
            gap, at = start - end, index
        end = max(end, stop)
    names = [name for _, _, name in stretches]
    return gap, names[:at], names[at:]


def by_place(boxes: Sequence[Box], some: list[int]) -> list[int]:
    """Sort from top to bottom; what begins on nearly the same height from left to right."""
    order: list[int] = []
    line: list[int] = []
    for one in sorted(some, key=lambda one: boxes[one].top):
        if line:
            height = min(boxes[line[0]].bottom - boxes[line[0]].top, boxes[one].bottom - boxes[one].top)
            if boxes[one].top - boxes[line[0]].top > SAME_LINE * max(height, 0):
                order.extend(sorted(line, key=lambda one: boxes[one].left))
                line = []
        line.append(one)
    return order + sorted(line, key=lambda one: boxes[one].left)
