"""The strip of a page that its language is guessed from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from ingest import ocr_models
from ingest.readers.gray import Gray, strip
from ingest.readers.ocr import Recognizer
from tests.support import documents_raw as raw

LINE = "the terms below apply to every delivery of goods"


def gray(image):
    return Gray(image.tobytes(), image.width, image.height, image.width, 200)


def page_with(text, *, above):
    """A page of A4 with ``text`` below an empty space of ``above`` pixels."""
    page = Image.new("L", (1654, 2338), 255)
    page.paste(raw.drawn(text, size=(1654, 2338 - above)), (0, above))
    return page


def rows_of(image):
    return [image.data[start : start + image.width] for start in range(0, len(image.data), image.stride)]


@pytest.mark.parametrize(
    "change", [pytest.param(lambda page: page, id="on white"), pytest.param(ImageOps.invert, id="on black")]
)
@pytest.mark.parametrize("above", [0, 900, 1900], ids=["from the top", "from the middle", "at the foot"])
def test_a_strip_holds_whole_lines_wherever_the_print_is(above, change):
    cut = strip(gray(change(page_with("\n".join([LINE] * 40), above=above))))
    assert 100 < cut.height < 2338 / 9
    assert len(cut.data) == cut.height * cut.stride
    assert len(set(rows_of(cut)[0])) == len(set(rows_of(cut)[-1])) == 1, "its edges lie between lines"
    recognizer = Recognizer(ocr_models.default_folders())
    recognizer.begin(["en"])
    read = recognizer.read(cut).text.split("\n")
    assert len(read) >= 3
    assert set(read) == {LINE}


@given(st.integers(1, 60), st.integers(1, 200), st.integers(0, 7), st.binary(min_size=1, max_size=64))
def test_any_image_has_a_strip_of_its_own_rows(width, height, padding, noise):
    stride = width + padding
    data = (noise * (stride * height // len(noise) + 1))[: stride * height]
    cut = strip(Gray(data, width, height, stride, 200))
    assert 1 <= cut.height <= height
    assert len(cut.data) == cut.height * stride
    assert cut.data in data
