"""Which samples are made: a spread over record classes, languages and kinds of files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from app.samples import letters, office, paper, structured
from ingest.training.drafts import Correspondent, Draft, draft
from ingest.training.vocabulary import LANGUAGES, Vocabulary, load

Maker = Callable[[Draft, Vocabulary, Random], bytes]

_MAKERS: dict[str, tuple[str, Maker]] = {
    "pdf": (".pdf", paper.pdf),
    "scan": (".png", paper.scan),
    "docx": (".docx", office.docx),
    "xlsx": (".xlsx", office.xlsx),
    "mail": (".eml", letters.mail),
    "markdown": (".md", letters.markdown),
    "text": (".txt", letters.text),
    "ubl": (".xml", structured.ubl),
    "hybrid": (".pdf", structured.hybrid),
}

_SPREAD: tuple[tuple[str, str], ...] = (
    ("invoice", "pdf"),
    ("sales_contract", "pdf"),
    ("mail", "mail"),
    ("invoice", "hybrid"),
    ("cv", "pdf"),
    ("minutes", "docx"),
    ("invoice", "ubl"),
    ("lease", "docx"),
    ("job_application", "mail"),
    ("bank_statement", "pdf"),
    ("invoice", "scan"),
    ("employment_contract", "pdf"),
    ("policy", "markdown"),
    ("credit_note", "pdf"),
    ("quotation", "pdf"),
    ("non_disclosure_agreement", "docx"),
    ("commercial_letter", "mail"),
    ("working_time_record", "xlsx"),
    ("payslip", "pdf"),
    ("service_contract", "pdf"),
    ("delivery_note", "scan"),
    ("reference_letter", "pdf"),
    ("payment_reminder", "pdf"),
    ("manual", "markdown"),
    ("ledger", "xlsx"),
    ("data_subject_request", "mail"),
    ("purchase_order", "pdf"),
    ("insurance_policy", "pdf"),
    ("internal_note", "text"),
    ("risk_assessment", "docx"),
    ("tax_document", "pdf"),
    ("annual_accounts", "pdf"),
    ("sick_note", "pdf"),
    ("letter", "docx"),
    ("privacy_notice", "markdown"),
    ("report", "pdf"),
    ("receipt", "scan"),
)
_PROJECT = {
    "en": "Project name",
    "de": "Projektname",
    "fr": "Nom du projet",
    "ro": "Numele proiectului",
    "es": "Nombre del proyecto",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample file and what is true of it."""

    name: str
    """A file name that says nothing of its class."""
    data: bytes
    class_code: str
    language: str
    rare_word: str
    """A word that stands in this sample only, in its text."""


def make_samples(seed: int, count: int, *, own: str | None = None) -> Iterator[Sample]:
    """``count`` samples, made one by one as they are asked for.

    With ``own``, the name of one's own company, invoices go from or to it by turns and their class
    is the kind of invoice; without it, the class of an invoice is plain ``invoice``.
    """
    rng = Random(seed)  # noqa: S311 - made-up documents, not secrets
    for index in range(count):
        code, kind = _SPREAD[index % len(_SPREAD)]
        language = LANGUAGES[(index + index // len(_SPREAD)) % len(LANGUAGES)]
        if kind == "scan":
            language = ("en", "de")[index % 2]  # the languages whose recognition is always installed
        words = load(language)
        made = draft(rng, words, code)
        rare_word = _rare_word(seed, index)
        made = replace(made, paragraphs=(*made.paragraphs, f"{_PROJECT[language]}: {rare_word}"))
        if own is not None and code == "invoice":
            made, code = _between(made, own, index // 2 % 2 == 0)
        suffix, maker = _MAKERS[kind]
        yield Sample(
            f"{index + 1:04}-{made.written_on:%Y-%m-%d}{suffix}", maker(made, words, rng), code, language, rare_word
        )


def _between(made: Draft, own: str, incoming: bool) -> tuple[Draft, str]:
    def named(party: Correspondent) -> Correspondent:
        return replace(party, name=own)

    if incoming:
        return replace(made, recipient=named(made.recipient)), "supplier_invoice"
    return replace(made, sender=named(made.sender)), "customer_invoice"


def _rare_word(seed: int, index: int) -> str:
    """A word of no language: letters only, different for each index."""
    number, word = (index + 1) * 7919 + seed % 1000, "Zarqu"
    while number:
        number, digit = divmod(number, 14)
        word += "bdfgklmnprstvz"[digit] + "aeiou"[digit % 5]
    return word
