"""What the benchmarks import: born-digital documents of the corpus or of our own making, and scans.

A document is repeated with a different ending each time: every format gets a change that it
tolerates, so that no copy is the same file and each is read as the first was.
"""

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from random import Random

from app.samples import make_samples
from app.samples.sheet import lay_out
from ingest.training.drafts import draft
from ingest.training.vocabulary import load

CORPUS = Path(os.environ.get("MUNIMENT_CORPUS", Path(__file__).parent.parent.parent / "shared" / "corpus"))
KINDS = ("born-digital", "office", "email", "xml", "text")
_ZIPPED = (".docx", ".xlsx", ".pptx", ".odt")
_DPI = 200
_SAMPLES = 200


@dataclass(frozen=True, slots=True)
class Document:
    """A file to import."""

    name: str
    data: bytes = field(repr=False)


def source() -> str:
    """Where ``born_digital`` takes its documents from, for the reader of a figure."""
    return "the corpus" if CORPUS.is_dir() else "samples of our own making"


def born_digital(count: int) -> list[Document]:
    """``count`` documents, the kinds in the corpus' own proportion, no two the same."""
    originals = _from_corpus() or _from_samples(min(count, _SAMPLES))
    Random(4).shuffle(originals)  # noqa: S311 - an order, nothing secret
    return [
        Document(f"{number:04}-{one.name}", _changed(one, number))
        for number in range(count)
        for one in (originals[number % len(originals)],)
    ]


def scan_pages(count: int, language: str, *, words: int = 350, seed: int = 1) -> Iterator[bytes]:
    """Pages of running text as a scanner gives them at 200 dpi: grey, noisy, a little askew; JPEG."""
    rng = Random(seed)  # noqa: S311
    for _ in range(count):
        yield _scanned(_running_text(rng, language, words), rng)


def bound(pages: list[bytes]) -> bytes:
    """Scanned pages as one PDF of A4, each page its JPEG."""
    from fpdf import FPDF

    paper = FPDF(format="A4")
    for page in pages:
        paper.add_page()
        paper.image(io.BytesIO(page), 0, 0, paper.w, paper.h)
    return bytes(paper.output())


def _from_corpus() -> list[Document]:
    table = CORPUS / "labels.tsv"
    if not table.is_file():
        return []
    with table.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["kind"] in KINDS]
    return [Document(Path(row["path"]).name, (CORPUS / row["path"]).read_bytes()) for row in rows]


def _from_samples(count: int) -> list[Document]:
    made = (s for s in make_samples(11, count * 2) if not s.name.endswith(".png"))
    return [Document(s.name, s.data) for s, _ in zip(made, range(count), strict=False)]


def _changed(one: Document, number: int) -> bytes:
    suffix, data = Path(one.name).suffix.lower(), one.data
    if suffix in _ZIPPED:
        return _with_comment(data, number)
    if suffix == ".pdf":
        return data + f"\n% {number}\n".encode()
    if suffix in (".msg", ".doc"):
        # Beyond the last sector of the container.
        return data + number.to_bytes(512, "little")
    # White space: nobody reads it, in whatever encoding the rest is.
    blanks = "".join(" \t"[int(bit)] for bit in f"{number:012b}") + "\n"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data + blanks.encode("utf-16-le" if data.startswith(b"\xff\xfe") else "utf-16-be")
    return data + b"\n" + blanks.encode()


def _with_comment(data: bytes, number: int) -> bytes:
    out = io.BytesIO(data)
    try:
        with zipfile.ZipFile(out, "a") as archive:
            archive.comment = f"{number}".encode()
    except (zipfile.BadZipFile, ValueError):
        return data + number.to_bytes(4, "little")
    return out.getvalue()


def _running_text(rng: Random, language: str, words: int) -> str:
    """Sentences of drafts of several classes, one after the other, until there are enough."""
    vocabulary, lines, count = load(language), list[str](), 0
    while count < words:
        made = draft(rng, vocabulary, rng.choice(("sales_contract", "lease", "policy", "minutes", "service_contract")))
        for line in lay_out(made, vocabulary, rng).lines():
            if line.strip() and count < words:
                lines.append(line.strip())
                count += len(line.split())
    return "\n".join(lines)


def _scanned(text: str, rng: Random) -> bytes:
    import numpy as np
    from PIL import Image, ImageDraw

    width, height = round(8.27 * _DPI), round(11.69 * _DPI)
    image = Image.new("L", (width, height), 252)
    pen, size = ImageDraw.Draw(image), 11 * _DPI // 72
    font = _font(size)
    top = _DPI
    for line in _wrapped(text, 80):
        if top > height - _DPI:
            break
        pen.text((_DPI, top), line, fill=35, font=font)
        top += round(size * 1.35)
    image = image.rotate(rng.uniform(-0.4, 0.4), fillcolor=252, resample=Image.Resampling.BICUBIC)
    noise = np.random.default_rng(rng.randrange(1 << 32)).normal(0, 4, (height, width))
    dirty = np.clip(np.asarray(image, np.float32) * 0.96 + noise, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(dirty).save(out, "JPEG", quality=70, dpi=(_DPI, _DPI))
    return out.getvalue()


@lru_cache(maxsize=1)
def _font(size: int):  # type: ignore[no-untyped-def]
    from importlib.resources import files

    from PIL import ImageFont

    folder = Path(str(files("font_source_sans_pro"))) / "files"
    return ImageFont.truetype(str(folder / "SourceSansPro-Regular.ttf"), size)


def _wrapped(text: str, columns: int) -> Iterator[str]:
    import textwrap

    for paragraph in text.splitlines():
        yield from textwrap.wrap(paragraph, columns) or [""]
