"""Text of an image by Tesseract, with word boxes, in the one language the document is written in.

A wrong model makes some 6 % of errors and several at once take far longer, so the first page decides:
a few lines of it are read in English, the language of that text is guessed, and all pages are then read
with that language's model. What the whole first page says goes before what its few lines said. If the
model is not installed the document is read all the same, and a trouble names the package. Pages that
come out badly are checked for rotation and for another script.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ingest import memory, ocr_models
from ingest.extraction import FULL, Trouble, Word
from ingest.readers.gray import Gray, strip, turn

_WEAK_CONFIDENCE = 55.0
"""Mean word confidence (0 to 100) below which a page is checked for rotation and script."""
_SURE_ROTATION = 2.0
_SURE_SCRIPT = 1.0
_STRANGE_CONFIDENCE = 45.0
"""Mean word confidence below which the page may be in another script."""
_GOOD_WORD = 60.0
MOST_PIXELS = 25_000_000
"""Larger images are made smaller before they are read: A4 at 500 dots an inch, A2 at 300."""
_BYTES_A_PIXEL, _SPARE_BYTES = 14, 64 * 1024 * 1024
"""What Tesseract was measured to take for an image, and for a model and its results."""
_SURE_LANGUAGE = 0.6
_PROBE_WORDS = 12


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from one image."""

    text: str
    words: tuple[Word, ...]
    confidence: float
    """Mean over the words, 0 to 100; 0 without words."""
    model: str
    good: int
    """Words read with some confidence."""


def check_fits(pixels: int) -> None:
    """Refuse an image that Tesseract cannot read in the memory left to this process.

    It would answer with an empty page and no error.

    Raises:
        MemoryError: there is not enough left.
    """
    if pixels * _BYTES_A_PIXEL + _SPARE_BYTES > memory.headroom():
        raise MemoryError


class NotNow(Exception):  # it is not always an error
    """An image would have to be read, and this reading leaves that to a later one."""


class Recognizer:
    """Reads the images of one document after another; models stay loaded."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._models = ocr_models.find_models(tuple(folders))
        self._engines: dict[str, Any] = {}
        self._model: str | None = None
        self._troubles: dict[str, Trouble] = {}
        self.is_wanted = True
        """Whether images are read now; otherwise the first of them ends the reading (``NotNow``)."""

    def begin(self, languages: Iterable[str]) -> None:
        """Start a document that is probably written in one of ``languages`` (ISO 639-1, likeliest first)."""
        self._troubles = {}
        self._model = None
        codes = (ocr_models.model_code(language) for language in languages)
        self._hint = next((code for code in codes if code in self._models), None)

    def troubles(self) -> Iterator[Trouble]:
        """What stood in the way of reading this document well."""
        yield from self._troubles.values()

    def expect_images(self) -> None:
        """Say that an image is about to be read.

        Raises:
            NotNow: images are not read now.
        """
        if not self.is_wanted:
            raise NotNow

    def read(self, image: Gray) -> Reading | None:
        """The text of ``image``; ``None`` if no model at all is installed (a trouble says so)."""
        first = self._model is None
        model = self._model or self._first_model(image)
        if model is None:
            package = ocr_models.package_of_model("eng")
            self._miss("eng", f"No text recognition model is installed. Install the package {package}.")
            return None
        reading = self._recognize(image, model)
        if reading.confidence < _WEAK_CONFIDENCE:
            reading = self._read_again(image, reading)
        if first and len(reading.words) >= _PROBE_WORDS:
            better = self._model_for(reading.text)
            if better is not None and better != reading.model:
                reading = self._recognize(image, better)
        if reading.words:
            self._model = reading.model
        return reading

    def _first_model(self, image: Gray) -> str | None:
        """The model to begin with: the hinted one, else by the language of a few lines of the page."""
        readable = [code for code in self._models if code != "osd" and not code.startswith("script/")]
        start = self._hint or ("eng" if "eng" in self._models else next(iter(readable), None))
        if start is None or self._hint or len(readable) < 2:
            return start
        lines = self._recognize(strip(image), start)
        if len(lines.words) < _PROBE_WORDS or lines.confidence < _WEAK_CONFIDENCE:
            return start
        return self._model_for(lines.text, tell=False) or start

    def _model_for(self, text: str, *, tell: bool = True) -> str | None:
        """The installed model of the language ``text`` is in; a missing one becomes a trouble if ``tell``."""
        language = _language_of(text)
        code = ocr_models.model_code(language) if language else None
        if code is None or code in self._models:
            return code
        if tell:
            package = ocr_models.package_of_model(code)
            self._miss(code, f"Install the package {package} and retry: without its model words are misread.")
        return None

    def _read_again(self, image: Gray, reading: Reading) -> Reading:
        """The better of ``reading`` and one of the page turned upright, or by a model of its script."""
        degrees, sure, script, script_sure = self._orientation(image) or (0, 0.0, "Latin", 0.0)
        turned = degrees if sure >= _SURE_ROTATION else 0
        model = reading.model
        strange = reading.confidence < _STRANGE_CONFIDENCE and sure >= _SURE_SCRIPT and script_sure >= _SURE_SCRIPT
        if strange and (wanted := ocr_models.models_of_script(script)):
            installed = next((code for code in wanted if code in self._models), None)
            if installed is None:
                package = ocr_models.package_of_script(script)
                self._miss(script, f"The page is in {script} script. Install the package {package} and retry.")
            else:
                model = installed
        # Faint print in one column, such as receipts, comes out better with local thresholds.
        faint = not turned and model == reading.model
        again = self._recognize(turn(image, turned), model, faint=faint)
        if again.good <= reading.good:
            return reading
        return replace(again, words=tuple(_turn_back(word, turned) for word in again.words))

    def _orientation(self, image: Gray) -> tuple[int, float, str, float] | None:
        """Degrees to turn the page clockwise, how sure, its script, how sure; ``None`` if it cannot be told."""
        if "osd" not in self._models:
            return None
        engine = self._engine("osd")
        engine.SetImageBytes(image.data, image.width, image.height, 1, image.stride)
        engine.SetSourceResolution(image.dpi)
        told = engine.DetectOrientationScript()
        engine.Clear()
        if not told:
            return None
        return int(told["orient_deg"]), float(told["orient_conf"]), str(told["script_name"]), float(told["script_conf"])

    def _recognize(self, image: Gray, model: str, *, faint: bool = False) -> Reading:
        engine = self._engine("faint:" + model if faint else model)
        engine.SetImageBytes(image.data, image.width, image.height, 1, image.stride)
        engine.SetSourceResolution(image.dpi)
        table = engine.GetTSVText(0)
        engine.Clear()
        return _reading_of(table, image.width, image.height, model)

    def _engine(self, model: str) -> Any:
        if model not in self._engines:
            import tesserocr  # type: ignore[import-untyped]

            faint, code = model.startswith("faint:"), model.removeprefix("faint:")
            mode = tesserocr.PSM.SINGLE_COLUMN if faint else tesserocr.PSM.AUTO
            if code == "osd":
                mode = tesserocr.PSM.OSD_ONLY
            oem = tesserocr.OEM.DEFAULT if code == "osd" else tesserocr.OEM.LSTM_ONLY
            engine = tesserocr.PyTessBaseAPI(path=f"{self._models[code]}/", lang=code, psm=mode, oem=oem)
            if faint:
                engine.SetVariable("thresholding_method", "2")  # Sauvola
            self._engines[model] = engine
        return self._engines[model]

    def _miss(self, key: str, detail: str) -> None:
        self._troubles.setdefault(key, Trouble("ocr_model_missing", detail))


def _reading_of(table: str, width: int, height: int, model: str) -> Reading:
    """The text and words of Tesseract's TSV: blocks parted by an empty line, lines by a line end."""
    lines: list[str] = []
    words: list[Word] = []
    place: tuple[str, ...] = ()
    certain, good = 0.0, 0
    for row in table.splitlines():
        cells = row.split("\t")
        if len(cells) < 12 or cells[0] != "5" or not cells[11].strip():
            continue
        text, here = cells[11].strip(), tuple(cells[2:5])
        if here == place:
            lines[-1] += f" {text}"
        else:
            if place and here[0] != place[0]:
                lines.append("")
            lines.append(text)
            place = here
        left, top, wide, high = (int(cell) for cell in cells[6:10])
        words.append(
            Word(
                text,
                _share(left, width),
                _share(top, height),
                _share(left + wide, width),
                _share(top + high, height),
            )
        )
        certain += float(cells[10])
        good += float(cells[10]) >= _GOOD_WORD
    return Reading("\n".join(lines), tuple(words), certain / len(words) if words else 0.0, model, good)


def _share(position: int, whole: int) -> int:
    return max(0, min(FULL, round(position * FULL / whole))) if whole else 0


def _turn_back(word: Word, degrees: int) -> Word:
    """The word's box on the page as it is shown, from its box on the page turned by ``degrees`` counter-clockwise."""
    left, top, right, bottom = word.left, word.top, word.right, word.bottom
    for _ in range(degrees % 360 // 90):
        # One quarter clockwise: x' = 1 - y, y' = x.
        left, top, right, bottom = FULL - bottom, left, FULL - top, right
    return Word(word.text, left, top, right, bottom)


def _language_of(text: str) -> str | None:
    """The ISO 639-1 language of ``text`` if that is reasonably sure."""
    from ingest.language import detect

    found = detect(text)
    return found.code if found.probability >= _SURE_LANGUAGE else None
