"""Scanned pages a minute through the real server, against plain Tesseract in the same run.

The pages are typeset here and made to look scanned: 200 dpi, grey, noise, a little askew, half of
them English, half German. The baseline is told the right language of each page and reads the same
pixels with as many processes as there are cores, one thread each; it finds no language,
keeps no boxes, stores nothing. Ours starts at the first upload and ends when every record is found.
Both are warm: models and libraries have been loaded by a few other pages.

The machine's load changes within a run, so the baseline is taken before and after each
measurement, and their mean counts. Where the two differ much, the ratio is worth little: both are told.

Then one scan of 500 pages, for the peak of every process' memory as the kernel keeps it.
"""

import io
import multiprocessing
import os
import time
from collections.abc import Sequence
from contextlib import closing
from functools import cache

from benchmarks.documents import bound, scan_pages
from benchmarks.figures import Figure
from benchmarks.installation import Installation, installed
from benchmarks.processes import Peaks
from tests.support.server import Client

LANGUAGES = {"en": "eng", "de": "deu"}
MOST_MIB = 600


def run(*, quick: bool) -> list[Figure]:
    """Pages a minute in long and short documents, and the memory of a very long one."""
    documents, pages = (2, 10) if quick else (8, 10)
    long = 20 if quick else 500
    read = [(code, page) for code in LANGUAGES for page in scan_pages(documents * pages // 2, code)]
    tens = [bound([page for _, page in read[start : start + pages]]) for start in range(0, len(read), pages)]
    before = tesseract_only(read)
    ten = _through_a_server([("ten.pdf", data) for data in tens], len(read))
    between = tesseract_only(read)
    single = _through_a_server([("one.jpg", page) for _, page in read], len(read))
    after = tesseract_only(read)
    with installed() as installation, Peaks(installation.server) as peaks:
        data = _long_scan(long)
        rate = _pages_a_minute(installation, [("long.pdf", data)], long)
    told = ", ".join(f"{name} {mib:.0f}" for name, mib in sorted(peaks.by_name.items(), key=lambda each: -each[1]))
    return [
        _beside((before, between), f"scanned pages in {documents} documents of {pages}", ten, 0.8),
        _beside((between, after), f"scanned pages in {len(read)} documents of one", single, 0.6),
        Figure(
            what=f"peak memory with a scan of {long} pages, {len(data) / 1e6:.0f} MB ({told})",
            value=max(peaks.by_name.values()),
            unit="MiB",
            most=MOST_MIB,
        ),
        Figure(what=f"pages of that scan, by one process of {os.cpu_count()}", value=rate, unit="a minute"),
    ]


def _beside(plain: tuple[float, float], what: str, value: float, least: float) -> Figure:
    return Figure(
        what=what,
        value=value,
        unit="a minute",
        least_ratio=least,
        baseline=sum(plain) / 2,
        baseline_is=f"a minute: plain Tesseract ({plain[0]:.0f} before, {plain[1]:.0f} after)",
    )


def tesseract_only(pages: Sequence[tuple[str, bytes]]) -> float:
    """Pages a minute of plain Tesseract, with one process a core and the right language each time."""
    os.environ["OMP_THREAD_LIMIT"] = "1"
    cores = os.cpu_count() or 1
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        pool.map(_recognize, _warming(), chunksize=1)
        begun = time.perf_counter()
        for _ in pool.imap_unordered(_recognize, pages):
            pass
        return len(pages) / (time.perf_counter() - begun) * 60


@cache
def _warming() -> list[tuple[str, bytes]]:
    """Two pages a core and language that are not measured."""
    count = 2 * (os.cpu_count() or 1)
    return [(code, page) for code in LANGUAGES for page in scan_pages(count, code, words=120, seed=3)]


_engines: dict[str, object] = {}


def _recognize(page: tuple[str, bytes]) -> int:
    import tesserocr  # type: ignore[import-untyped]
    from PIL import Image

    from ingest import ocr_models

    language, data = page
    code = LANGUAGES[language]
    if code not in _engines:
        folder = ocr_models.find_models(ocr_models.default_folders())[code]
        _engines[code] = tesserocr.PyTessBaseAPI(
            path=f"{folder}/", lang=code, psm=tesserocr.PSM.AUTO, oem=tesserocr.OEM.LSTM_ONLY
        )
    engine, image = _engines[code], Image.open(io.BytesIO(data)).convert("L")
    # Not ``SetImage``, which would code the image anew and have it decoded.
    engine.SetImageBytes(image.tobytes(), image.width, image.height, 1, image.width)  # type: ignore[attr-defined]
    engine.SetSourceResolution(200)  # type: ignore[attr-defined]
    return len(engine.GetUTF8Text())  # type: ignore[attr-defined]


def _through_a_server(files: Sequence[tuple[str, bytes]], pages: int) -> float:
    """Pages a minute by a server of its own that has read a few others before."""
    with installed() as installation:
        warming = [(f"warming-{language}.jpg", page) for language, page in _warming()]
        _pages_a_minute(installation, warming, len(warming))
        return _pages_a_minute(installation, files, pages, known=len(warming))


def _pages_a_minute(
    installation: Installation, files: Sequence[tuple[str, bytes]], pages: int, *, known: int = 0
) -> float:
    """From the first upload until everything is found; ``known`` records were there before."""
    begun = time.perf_counter()
    with closing(Client(installation.server, installation.token)) as client:
        for number, (name, data) in enumerate(files):
            assert client.put_file(f"{number}-{name}", data).status == 202
    installation.wait_until_done(1_500)
    rate = pages / (time.perf_counter() - begun) * 60
    states = installation.states()
    assert sum(states.values()) == len(files) + known, states
    assert not states.get("needs_attention"), states
    return rate


def _long_scan(count: int) -> bytes:
    """Twenty different pages over and over, each copy a file of its own within the PDF; few words a page."""
    twenty = list(scan_pages(20, "de", words=60, seed=2))
    return bound([twenty[number % 20] + number.to_bytes(4, "big") for number in range(count)])
