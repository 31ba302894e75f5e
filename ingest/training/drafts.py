"""Made-up documents: who writes to whom, and what it says, before anybody sets it in type.

A draft is the same for the classifier's training (as text) and for sample files (as PDF and so
on). Everything is drawn from one ``random.Random``: the same seed gives the same documents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Literal

from ingest.money import Money
from ingest.training.vocabulary import Phrases, Vocabulary

Layout = Literal["bill", "contract", "letter", "mail", "sheet", "prose"]

_BILLS = frozenset({"invoice", "credit_note", "quotation", "purchase_order", "delivery_note", "receipt"})
_LETTERS = frozenset(
    {
        "job_application",
        "termination",
        "warning",
        "reference_letter",
        "commercial_letter",
        "letter",
        "payment_reminder",
        "garnishment",
        "data_subject_request",
    }
)
_CONTRACTS = frozenset(
    {
        "contract",
        "sales_contract",
        "purchase_contract",
        "service_contract",
        "lease",
        "loan_agreement",
        "licence_agreement",
        "non_disclosure_agreement",
        "data_processing_agreement",
        "company_agreement",
        "settlement_agreement",
        "employment_contract",
        "terms_of_service",
        "articles_of_association",
    }
)
_PROSE = frozenset(
    {
        "policy",
        "manual",
        "legislation",
        "privacy_notice",
        "publication",
        "report",
        "minutes",
        "court_document",
        "other",
        "internal_note",
        "accounting_process_documentation",
        "power_of_attorney",
        "whistleblower_report",
    }
)
CURRENCIES = {"en": ("GBP", "USD", "EUR"), "de": ("EUR",), "fr": ("EUR",), "es": ("EUR",), "ro": ("RON",)}
_SIGNS = {"EUR": "EUR", "GBP": "£", "USD": "$", "RON": "lei"}
_IBAN_COUNTRY = {"en": "GB", "de": "DE", "fr": "FR", "es": "ES", "ro": "RO"}


@dataclass(frozen=True, slots=True)
class Correspondent:
    """A company or person with an address. None of them exists."""

    name: str
    street: str
    town: str
    phone: str
    mail: str
    iban: str
    tax_id: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill."""

    item: str
    quantity: int
    price: Money
    amount: Money


@dataclass(frozen=True, slots=True)
class Draft:
    """A document before it is set."""

    code: str
    language: str
    layout: Layout
    title: str
    sender: Correspondent
    recipient: Correspondent
    number: str
    written_on: date
    due_on: date
    currency: str
    lines: tuple[Line, ...]
    net: Money
    tax: Money
    total: Money
    tax_percent: int
    paragraphs: tuple[str, ...]
    """Sentences, labelled values and clauses in order."""
    author: str


def layout_of(code: str, rng: Random) -> Layout:
    """A layout that documents of the class come in."""
    if code == "mail" or (code in _LETTERS and rng.random() < 0.25):
        return "mail"
    if code in _BILLS:
        return "bill"
    if code in _CONTRACTS:
        return "contract"
    if code in _LETTERS:
        return "letter"
    return "prose" if code in _PROSE else "sheet"


def draft(rng: Random, vocabulary: Vocabulary, code: str, phrases: Phrases | None = None) -> Draft:
    """A document of class ``code`` in the vocabulary's language, from ``phrases`` or all of the class's."""
    phrases = phrases or vocabulary.phrases[code]
    words, language = vocabulary.words, vocabulary.language
    currency = rng.choice(CURRENCIES[language])
    written_on = date(2015, 1, 1) + timedelta(days=rng.randrange(4000))
    lines = tuple(_line(rng, words["item"], currency) for _ in range(rng.randint(1, 6)))
    net = sum(line.amount.minor for line in lines)
    percent = rng.choice((5, 19, 20, 21))
    tax = net * percent // 100
    sender, recipient = correspondent(rng, vocabulary), correspondent(rng, vocabulary)
    layout = layout_of(code, rng)
    body = rng.sample(phrases.lines, k=min(len(phrases.lines), rng.randint(3, 14)))
    if layout == "contract" and code not in ("terms_of_service", "articles_of_association"):
        body += rng.sample(words["clauses"], k=rng.randint(2, min(9, len(words["clauses"]))))
        rng.shuffle(body)
    body += rng.sample(words["filler"], k=rng.randint(0, 4))
    slots = Slots(rng, vocabulary, currency, (sender.name, recipient.name))
    return Draft(
        code=code,
        language=language,
        layout=layout,
        title=slots.fill(rng.choice(phrases.titles)),
        sender=sender,
        recipient=recipient,
        number=reference(rng),
        written_on=written_on,
        due_on=written_on + timedelta(days=rng.choice((10, 14, 30))),
        currency=currency,
        lines=lines,
        net=Money(net, currency),
        tax=Money(tax, currency),
        total=Money(net + tax, currency),
        tax_percent=percent,
        paragraphs=tuple(slots.fill(text) for text in body),
        author=person(rng, vocabulary),
    )


class Slots:
    """Fills ``{person}``, ``{amount}`` and so on with made-up values."""

    def __init__(self, rng: Random, vocabulary: Vocabulary, currency: str, companies: Sequence[str]) -> None:
        self._rng, self._vocabulary, self._currency, self._companies = rng, vocabulary, currency, companies

    def fill(self, text: str) -> str:
        """``text`` with a fresh value in each slot."""
        while (start := text.find("{")) >= 0 and (end := text.find("}", start)) > 0:
            text = text[:start] + self._value(text[start + 1 : end]) + text[end + 1 :]
        return text

    def _value(self, slot: str) -> str:
        rng, words = self._rng, self._vocabulary.words
        if slot == "person":
            return person(rng, self._vocabulary)
        if slot == "company":
            return rng.choice(self._companies)
        if slot == "amount":
            return print_money(Money(rng.randint(500, 2_500_000), self._currency), self._vocabulary.language)
        if slot == "date":
            day = date(2015, 1, 1) + timedelta(days=rng.randrange(4000))
            return print_day(day, self._vocabulary, rng.random() < 0.4)
        if slot in ("city", "month"):
            return rng.choice(words[slot])
        return {"year": str(rng.randint(2012, 2026)), "ref": reference(rng)}.get(slot, str(rng.randint(1, 60)))


def person(rng: Random, vocabulary: Vocabulary) -> str:
    """A first and a last name."""
    return f"{rng.choice(vocabulary.words['first'])} {rng.choice(vocabulary.words['last'])}"


def correspondent(rng: Random, vocabulary: Vocabulary) -> Correspondent:
    """A company that does not exist, under a domain that cannot."""
    words = vocabulary.words
    stem = rng.choice(words["company"])
    country = _IBAN_COUNTRY[vocabulary.language]
    return Correspondent(
        name=f"{stem} {rng.choice(words['trade'])} {rng.choice(words['suffix'])}",
        street=f"{rng.choice(words['street'])} {rng.randint(1, 180)}",
        town=f"{rng.randint(10000, 99999)} {rng.choice(words['city'])}",
        phone=f"+00 {rng.randint(100, 999)} {rng.randint(100000, 999999)}",
        mail=f"office{rng.randint(1, 99)}@example.com",
        iban=f"{country}{rng.randint(10, 98)} " + " ".join(str(rng.randint(1000, 9999)) for _ in range(4)),
        tax_id=f"{country}{rng.randint(100000000, 999999999)}",
    )


def reference(rng: Random) -> str:
    """A number as documents carry them."""
    style = rng.randrange(4)
    number = rng.randint(1000, 999999)
    return (str(number), f"R-{number}", f"{rng.randint(2015, 2026)}/{number % 10000:04}", f"AB{number}")[style]


def print_money(money: Money, language: str) -> str:
    """The amount as the language writes it, with sign or code."""
    whole, cents = divmod(abs(money.minor), 100)
    grouped = f"{whole:,}"
    sign = _SIGNS.get(money.currency or "", money.currency or "")
    if language == "en":
        figure = f"{grouped}.{cents:02}"
        return f"{sign}{figure}" if len(sign) == 1 else f"{sign} {figure}"
    mark = "\u00a0" if language == "fr" else "."
    return f"{grouped.replace(',', mark)},{cents:02} {sign}"


def print_day(day: date, vocabulary: Vocabulary, in_words: bool = False) -> str:
    """The day as the language writes it."""
    month = vocabulary.words["month"][day.month - 1]
    if in_words:
        forms = {"en": f"{day.day} {month} {day.year}", "de": f"{day.day}. {month} {day.year}"}
        forms["es"] = f"{day.day} de {month} de {day.year}"
        return forms.get(vocabulary.language, f"{day.day} {month} {day.year}")
    return f"{day:%d.%m.%Y}" if vocabulary.language in ("de", "ro") else f"{day:%d/%m/%Y}"


def _line(rng: Random, items: Sequence[str], currency: str) -> Line:
    quantity, price = rng.randint(1, 20), rng.randint(150, 90_000)
    return Line(rng.choice(items), quantity, Money(price, currency), Money(quantity * price, currency))
