"""A draft as the plain text that a reader of files would get from it, with what goes wrong on the way.

Scans lose and confuse letters, files begin in the middle, letterheads are missing, mails carry
letters: the classifier must not depend on any one part.
"""

from dataclasses import dataclass
from random import Random

from ingest.training.drafts import Draft, print_day, print_money
from ingest.training.vocabulary import Vocabulary

_CONFUSED = {"o": "0", "l": "1", "i": "l", "e": "c", "m": "rn", "s": "5", "n": "ri", "a": "o", "t": "f", "u": "v"}


@dataclass(frozen=True, slots=True)
class Example:
    """One text to learn from."""

    code: str
    language: str
    text: str
    media_type: str


def example(rng: Random, vocabulary: Vocabulary, made: Draft) -> Example:
    """``made`` as text, perhaps damaged."""
    parts = _parts(rng, vocabulary, made)
    text = "\n".join(part for part in parts if part)
    media_type = "application/pdf"
    if made.layout == "mail":
        media_type = "message/rfc822"
    elif (chance := rng.random()) < 0.12:
        text, media_type = _scanned(rng, text), "image/png"
    elif chance < 0.2:
        text, media_type = f"# {text}", "text/markdown"
    elif chance < 0.3 and made.code in ("ledger", "working_time_record", "personnel_register", "risk_assessment"):
        media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    elif chance < 0.3 and made.code in ("report", "publication", "other"):
        media_type = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    if rng.random() < 0.12:
        text = text[len(text) // 3 :]
    if rng.random() < 0.1:
        text = text.upper()
    return Example(made.code, made.language, text, media_type)


def bill_rows(made: Draft) -> list[tuple[str, str, str, str]]:
    """The table of a bill: item, quantity, price, amount."""
    return [
        (line.item, str(line.quantity), print_money(line.price, made.language), print_money(line.amount, made.language))
        for line in made.lines
    ]


def _parts(rng: Random, vocabulary: Vocabulary, made: Draft) -> list[str]:
    words = vocabulary.words
    day = print_day(made.written_on, vocabulary, rng.random() < 0.5)
    title = made.title if rng.random() < 0.75 else ""
    body = _body(rng, made)
    closing = rng.choice(words["closing"])
    signed = rng.choice(words["signed"])
    letterhead = [made.sender.name, made.sender.street, made.sender.town] if rng.random() < 0.6 else []
    address = [made.recipient.name, made.recipient.street, made.recipient.town]
    dear = rng.choice(words["dear"]).replace("{person}", made.author)
    if made.layout == "mail":
        headers = [f"From: {made.author} <{made.sender.mail}>", f"Subject: {made.title}", f"Date: {day}"]
        return [*(headers if rng.random() < 0.7 else [made.title]), dear, *body, closing, made.author]
    if made.layout == "letter":
        return [
            *letterhead,
            *address,
            f"{words['city'][0]}, {day}",
            f"{words['subject'][0]}{title}",
            dear,
            *body,
            closing,
        ]
    if made.layout == "contract":
        parties = [made.sender.name, made.recipient.name] if rng.random() < 0.7 else []
        numbered = [f"{index}. {text}" for index, text in enumerate(body, 1)] if rng.random() < 0.5 else body
        return [title, *parties, *numbered, f"{signed} {made.author}" if rng.random() < 0.6 else ""]
    if made.layout == "bill" and made.code != "receipt":
        return [
            *letterhead,
            *address,
            title,
            day,
            *body[: len(body) // 2],
            *_table(rng, vocabulary, made),
            *body[len(body) // 2 :],
        ]
    if made.code == "receipt":
        rows = [f"{item} {amount}" for item, _, _, amount in bill_rows(made)]
        return [
            made.sender.name,
            made.sender.street,
            title,
            day,
            *rows,
            f"Total {print_money(made.total, made.language)}",
            *body,
        ]
    head = [*letterhead, title, day if rng.random() < 0.4 else ""]
    return [*head, *body, f"{signed} {made.author}" if rng.random() < 0.25 else ""]


def _body(rng: Random, made: Draft) -> list[str]:
    """The paragraphs, set as lines, sentences or bullets."""
    style = rng.randrange(4)
    if style == 0:
        return [f"{text}." for text in made.paragraphs]
    if style == 1:
        return [". ".join(made.paragraphs[at : at + 3]) + "." for at in range(0, len(made.paragraphs), 3)]
    return [f"- {text}" for text in made.paragraphs] if style == 2 else list(made.paragraphs)


def _table(rng: Random, vocabulary: Vocabulary, made: Draft) -> list[str]:
    words = vocabulary.words
    header = " ".join(rng.choice(words[name]) for name in ("position", "quantity", "price"))
    rows = [header, *(" ".join(row) for row in bill_rows(made))]
    if made.code == "delivery_note":
        return [" ".join(row[:2]) for row in bill_rows(made)]
    if made.code == "invoice":
        rows.insert(
            0, f"{rng.choice(words['number'])}: {made.number} {rng.choice(words['date'])}: {made.written_on:%d.%m.%Y}"
        )
    return [
        *rows,
        f"{rng.choice(words['net'])} {print_money(made.net, made.language)}",
        f"{rng.choice(words['tax'])} {made.tax_percent} % {print_money(made.tax, made.language)}",
        f"{rng.choice(words['total'])} {print_money(made.total, made.language)}",
    ]


def _scanned(rng: Random, text: str) -> str:
    """``text`` as a poor scan reads: some letters confused, some lost, words torn."""
    damage = rng.uniform(0.005, 0.05)
    read = []
    for letter in text:
        chance = rng.random()
        if chance < damage / 2:
            read.append(_CONFUSED.get(letter, letter))
        elif chance < damage * 0.75:
            continue
        elif chance < damage:
            read.append(f"{letter} ")
        else:
            read.append(letter)
    return "".join(read)
