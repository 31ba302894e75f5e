"""Tesseract's models: where they lie, which language each reads, and which package brings a missing one.

Names: Tesseract's codes are ISO 639-2/T with exceptions of its own; Debian's packages are
``tesseract-ocr-`` and the code with hyphens, or ``tesseract-ocr-script-`` and the ISO 15924 code.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

DEFAULT_LANGUAGE = "en"

_CODES = {
    "af": "afr", "ar": "ara", "az": "aze", "be": "bel", "bg": "bul", "bn": "ben", "bs": "bos", "ca": "cat",
    "cs": "ces", "cy": "cym", "da": "dan", "de": "deu", "el": "ell", "en": "eng", "eo": "epo", "es": "spa",
    "et": "est", "eu": "eus", "fa": "fas", "fi": "fin", "fr": "fra", "ga": "gle", "gl": "glg", "he": "heb",
    "hi": "hin", "hr": "hrv", "hu": "hun", "hy": "hye", "id": "ind", "is": "isl", "it": "ita", "ja": "jpn",
    "ka": "kat", "kk": "kaz", "ko": "kor", "la": "lat", "lb": "ltz", "lt": "lit", "lv": "lav", "mk": "mkd",
    "mr": "mar", "ms": "msa", "mt": "mlt", "nl": "nld", "no": "nor", "nb": "nor", "nn": "nor", "oc": "oci",
    "pl": "pol", "pt": "por", "ro": "ron", "ru": "rus", "sk": "slk", "sl": "slv", "sq": "sqi", "sr": "srp",
    "sv": "swe", "ta": "tam", "te": "tel", "th": "tha", "tr": "tur", "uk": "ukr", "ur": "urd", "vi": "vie",
    "zh": "chi_sim",
}  # fmt: skip

_SCRIPTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Arabic": ("arab", ("ara", "fas", "urd")),
    "Armenian": ("armn", ("hye",)),
    "Bengali": ("beng", ("ben",)),
    "Cyrillic": ("cyrl", ("rus", "ukr", "bul", "srp", "mkd", "bel")),
    "Devanagari": ("deva", ("hin", "mar")),
    "Georgian": ("geor", ("kat",)),
    "Greek": ("grek", ("ell",)),
    "Han": ("hans", ("chi_sim", "chi_tra")),
    "Hangul": ("hang", ("kor",)),
    "Hebrew": ("hebr", ("heb",)),
    "Hiragana": ("jpan", ("jpn",)),
    "Japanese": ("jpan", ("jpn",)),
    "Katakana": ("jpan", ("jpn",)),
    "Korean": ("hang", ("kor",)),
    "Tamil": ("taml", ("tam",)),
    "Telugu": ("telu", ("tel",)),
    "Thai": ("thai", ("tha",)),
}


def default_folders() -> tuple[Path, ...]:
    """Folders that hold models on this machine: those of our packages first, then the system's."""
    candidates = [Path(sys.prefix) / "share" / "tessdata"]
    if told := os.environ.get("TESSDATA_PREFIX"):
        candidates.append(Path(told))
    for root in (Path("/usr/share/tesseract-ocr"), Path("/usr/local/share/tesseract-ocr")):
        candidates += sorted(root.glob("*/tessdata"), reverse=True)
    candidates += [Path("/usr/share/tessdata"), Path("/usr/local/share/tessdata")]
    return tuple(dict.fromkeys(folder for folder in candidates if folder.is_dir()))


def find_models(folders: Sequence[Path]) -> dict[str, Path]:
    """The folder of each installed model by its code (``eng``, ``osd``, ``script/Cyrillic``); earlier folders win."""
    found: dict[str, Path] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.traineddata")):
            found.setdefault(file.stem, folder)
        for file in sorted(folder.glob("script/*.traineddata")):
            found.setdefault(f"script/{file.stem}", folder)
    return found


def model_code(language: str) -> str | None:
    """Tesseract's code of an ISO 639-1 language, or ``None`` if there is no such model."""
    return _CODES.get(language)


def models_of_script(script: str) -> tuple[str, ...]:
    """The models that read a script as Tesseract's detection names it, best first; empty for Latin."""
    if script not in _SCRIPTS:
        return ()
    return (*_SCRIPTS[script][1], f"script/{script}")


def package_of_model(code: str) -> str:
    """The Debian package that brings the model of a language: ``tesseract-ocr-chi-sim`` for ``chi_sim``."""
    return f"tesseract-ocr-{code.replace('_', '-')}"


def package_of_script(script: str) -> str:
    """The Debian package that brings the model of a script that :func:`models_of_script` knows."""
    return f"tesseract-ocr-script-{_SCRIPTS[script][0]}"
