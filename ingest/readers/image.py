"""Images by Pillow, every frame of a TIFF a page, read by text recognition."""

import io
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from ingest import inspect as kinds
from ingest.extraction import Page
from ingest.inspect import Limits
from ingest.readers.base import Document, Found, Stop
from ingest.readers.gray import Gray
from ingest.readers.ocr import MOST_PIXELS, Recognizer, check_fits

_PAPER_INCHES = 8.27
"""Width assumed for images that state no resolution."""
_SMALL_WIDTH = 1000
_SMALL_PIXELS = 1_500_000

Image.MAX_IMAGE_PIXELS = None  # the limit is ours, and checked before a pixel is decoded


def open_image(document: Document, limits: Limits) -> Image.Image:
    """The image, nothing decoded yet.

    Raises:
        Stop: it is no whole image, or has more pixels than allowed.
    """
    try:
        image = Image.open(
            io.BytesIO(document.data()), formats=("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "JPEG2000")
        )
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        raise Stop("damaged", "It is not a whole image.") from None
    _check_size(image, limits)
    return image


def frame(document: Document, limits: Limits, number: int) -> Image.Image:
    """Frame ``number`` (from 1), upright, decoded.

    Raises:
        Stop: it is damaged or too large.
    """
    image = open_image(document, limits)
    try:
        if number > 1:
            image.seek(number - 1)
            _check_size(image, limits)
        image.load()
        return ImageOps.exif_transpose(image)
    except (OSError, ValueError, SyntaxError, EOFError):
        raise Stop("damaged", "The image is cut off or damaged.") from None


def read(document: Document, limits: Limits, recognizer: Recognizer) -> Iterator[Found]:
    """A page for every frame of a TIFF, and for the first frame of anything else.

    Raises:
        Stop: it is damaged or too large.
    """
    recognizer.begin(document.languages)
    with open_image(document, limits) as opened:
        frames = int(getattr(opened, "n_frames", 1)) if document.media_type == kinds.TIFF else 1
    recognizer.expect_images()
    for number in range(1, min(frames, limits.pages + 1) + 1):
        image = frame(document, limits, number)
        gray = _gray(image)
        reading = recognizer.read(gray)
        if reading is None:
            yield Page(number, "", (), image.width, image.height, "ocr")
        else:
            yield Page(number, reading.text, reading.words, image.width, image.height, "ocr", reading.model)
    yield from recognizer.troubles()


def _check_size(image: Image.Image, limits: Limits) -> None:
    if image.width * image.height > limits.image_pixels:
        millions = limits.image_pixels // 1_000_000
        raise Stop("image_too_large", f"It is {image.width} by {image.height} pixels; {millions} million are read.")


def _gray(image: Image.Image) -> Gray:
    """The image in shades of grey, on white where it is transparent, at a size that Tesseract reads well."""
    dpi = _dpi(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        covered = image.convert("RGBA")
        ground = Image.new("RGBA", covered.size, "white")
        ground.alpha_composite(covered)
        image = ground
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        low, high = _extent(image)
        image = image.point(lambda value: (value - low) * (255.0 / max(high - low, 1)))
    gray = image.convert("L")
    factor = 1.0
    if gray.width * gray.height > MOST_PIXELS:
        factor = (MOST_PIXELS / (gray.width * gray.height)) ** 0.5
    elif gray.width < _SMALL_WIDTH and gray.width * gray.height < _SMALL_PIXELS:
        factor = 2.0
    if factor != 1.0:
        size = max(1, round(gray.width * factor)), max(1, round(gray.height * factor))
        gray = gray.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    check_fits(gray.width * gray.height)
    return Gray(gray.tobytes(), gray.width, gray.height, gray.width, max(70, min(600, round(dpi * factor))))


def _extent(image: Image.Image) -> tuple[float, float]:
    low, high = image.getextrema()
    return float(str(low)), float(str(high))


def _dpi(image: Image.Image) -> float:
    stated: Any = image.info.get("dpi", (0, 0))
    try:
        dpi = float(stated[0])
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        dpi = 0.0
    return dpi if 72 < dpi <= 1200 else image.width / _PAPER_INCHES
