"""Scanned pages a minute through the real server, against plain Tesseract in the same run.

The pages are typeset here and made to look scanned: 200 dpi, grey, noise, a little askew, half of
them English, half German. The baseline is told the right language of each page and reads the same
images with as many processes as there are cores, one thread each; it finds no language,
keeps no boxes, stores nothing. Ours starts at the first upload and ends when every record is found.
Then one scan of 500 pages, for the peak of every process' memory as the kernel keeps it.
"""

import io
import multiprocessing
import os
import time
from collections.abc import Sequence
from contextlib import closing

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
    plain = tesseract_only(read)
    tens = [bound([page for _, page in read[start : start + pages]]) for start in range(0, len(read), pages)]
    with installed() as installation:
        ten = _pages_a_minute(installation, [("ten.pdf", data) for data in tens], len(read))
    with installed() as installation:
        single = _pages_a_minute(installation, [("one.jpg", page) for _, page in read], len(read))
    with installed() as installation, Peaks(installation.server) as peaks:
        data = _long_scan(long)
        rate = _pages_a_minute(installation, [("long.pdf", data)], long)
    told = ", ".join(f"{name} {mib:.0f}" for name, mib in sorted(peaks.by_name.items(), key=lambda each: -each[1]))
    return [
        _beside(plain, f"scanned pages in {documents} documents of {pages}", ten, 0.8),
        _beside(plain, f"scanned pages in {len(read)} documents of one", single, 0.6),
        Figure(
            what=f"peak memory with a scan of {long} pages, {len(data) / 1e6:.0f} MB ({told})",
            value=max(peaks.by_name.values()),
            unit="MiB",
            most=MOST_MIB,
        ),
        Figure(what=f"pages of that scan, by one process of {os.cpu_count()}", value=rate, unit="a minute"),
    ]


def _beside(plain: float, what: str, value: float, least: float) -> Figure:
    baseline = "a minute: plain Tesseract"
    return Figure(what=what, value=value, unit="a minute", least_ratio=least, baseline=plain, baseline_is=baseline)


def tesseract_only(pages: Sequence[tuple[str, bytes]]) -> float:
    """Pages a minute of plain Tesseract, with one process a core and the right language each time."""
    os.environ["OMP_THREAD_LIMIT"] = "1"
    cores = os.cpu_count() or 1
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        # Models are loaded before the clock runs, as the server's are after its first document.
        pool.map(_recognize, list(pages[:cores]) + list(pages[-cores:]), chunksize=1)
        begun = time.perf_counter()
        for _ in pool.imap_unordered(_recognize, pages):
            pass
        return len(pages) / (time.perf_counter() - begun) * 60


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
    engine = _engines[code]
    engine.SetImage(Image.open(io.BytesIO(data)))  # type: ignore[attr-defined]
    return len(engine.GetUTF8Text())  # type: ignore[attr-defined]


def _pages_a_minute(installation: Installation, files: Sequence[tuple[str, bytes]], pages: int) -> float:
    """From the first upload until everything is found."""
    begun = time.perf_counter()
    with closing(Client(installation.server, installation.token)) as client:
        for number, (name, data) in enumerate(files):
            assert client.put_file(f"{number}-{name}", data).status == 202
    installation.wait_until_done(1_500)
    rate = pages / (time.perf_counter() - begun) * 60
    states = installation.states()
    assert sum(states.values()) == len(files), states
    assert not states.get("needs_attention"), states
    return rate


def _long_scan(count: int) -> bytes:
    """Twenty different pages over and over, each copy a file of its own within the PDF; few words a page."""
    twenty = list(scan_pages(20, "de", words=60, seed=2))
    return bound([twenty[number % 20] + number.to_bytes(4, "big") for number in range(count)])
