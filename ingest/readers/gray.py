"""An image of a page in shades of grey, as text recognition takes it: cut to a few lines, or turned upright."""

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

_STRIP_SHARE = 12
"""A strip is this part of the page's height: four or five lines of a letter."""
_CELL = 32
"""Pixels across that are taken together when print is looked for."""


@dataclass(frozen=True, slots=True)
class Gray:
    """An image of 8 bits a pixel, upright as the page is shown."""

    data: bytes = field(repr=False)
    width: int
    height: int
    stride: int
    """Bytes a row."""
    dpi: int


def strip(image: Gray) -> Gray:
    """A twelfth of the page, where most print is, cut between lines as far as can be told.

    An image of its own, since ``SetRectangle`` on the whole page made Tesseract read the wrong pixels.
    """
    print_at = _print_by_row(image)
    until = [0, *accumulate(print_at)]
    height = max(image.height // _STRIP_SHARE, 1)
    start = max(range(image.height - height + 1), key=lambda row: until[row + height] - until[row])
    # Each edge moves to the emptiest row within half a line.
    reach = height // 8
    top, bottom = (
        min(range(max(0, edge - reach), min(image.height, edge + reach + 1)), key=lambda row: print_at[row])
        for edge in (start, start + height - 1)
    )
    return Gray(
        image.data[top * image.stride : (bottom + 1) * image.stride],
        image.width,
        bottom + 1 - top,
        image.stride,
        image.dpi,
    )


def turn(image: Gray, degrees: int) -> Gray:
    """``image`` turned by ``degrees`` so that its text stands upright (what Tesseract calls ``orient_deg``)."""
    if degrees % 360 == 0:
        return image
    turned = _pillow(image).rotate(degrees, expand=True)
    return Gray(turned.tobytes(), turned.width, turned.height, turned.width, image.dpi)


def _print_by_row(image: Gray) -> list[int]:
    """How much neighbours differ in each row: print does, a dark ground or a shadow does not."""
    from PIL import Image, ImageChops

    page = _pillow(image)
    edges = ImageChops.difference(page, ImageChops.offset(page, 2, 0))
    across = max(image.width // _CELL, 1)
    cells = edges.resize((across, image.height), Image.Resampling.BOX).tobytes()
    return [sum(cells[start : start + across]) for start in range(0, len(cells), across)]


def _pillow(image: Gray) -> Any:
    from PIL import Image

    return Image.frombuffer("L", (image.width, image.height), image.data, "raw", "L", image.stride, 1)
