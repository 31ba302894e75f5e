"""What a draft says on paper, in order, the same for every kind of file."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from ingest.training.drafts import Draft, print_day, print_money
from ingest.training.texts import bill_rows
from ingest.training.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Sheet:
    """The parts of a page; what a document does not have is empty."""

    letterhead: tuple[str, ...]
    address: tuple[str, ...]
    title: str
    labelled: tuple[tuple[str, str], ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[tuple[str, str], ...]
    opening: str
    paragraphs: tuple[str, ...]
    closing: tuple[str, ...]
    footer: str

    def lines(self) -> Iterator[str]:
        """Everything as lines of text."""
        yield from self.letterhead
        yield from self.address
        yield self.title
        yield from (f"{label}: {value}" for label, value in self.labelled)
        for row in (self.header, *self.rows):
            if row:
                yield "  ".join(row)
        yield from (f"{label}  {value}" for label, value in self.totals)
        yield from filter(None, (self.opening, *self.paragraphs, *self.closing, self.footer))


def lay_out(made: Draft, vocabulary: Vocabulary, rng: Random) -> Sheet:
    """The draft as the parts of a page."""
    words = vocabulary.words
    day = print_day(made.written_on, vocabulary)
    sender, recipient = made.sender, made.recipient
    footer = f"{sender.name} · {sender.street} · {sender.town} · {sender.tax_id}"
    if made.layout == "bill":
        labelled = [(words["number"][0], made.number)] if made.code == "invoice" else []
        labelled += [(words["date"][0 if made.code == "invoice" else 1], day)]
        if made.code == "invoice":
            labelled += [(words["due"][0], print_day(made.due_on, vocabulary)), ("IBAN", sender.iban)]
        header: tuple[str, ...] = (
            words["position"][0],
            words["quantity"][0],
            words["price"][0],
            words["total"][0].split()[0],
        )
        rows: tuple[tuple[str, ...], ...] = tuple(bill_rows(made))
        totals: tuple[tuple[str, str], ...] = (
            (words["net"][0], print_money(made.net, made.language)),
            (f"{words['tax'][0]} {made.tax_percent} %", print_money(made.tax, made.language)),
            (words["total"][0], print_money(made.total, made.language)),
        )
        # The phrases of a bill would contradict its table: only those that all classes share stay.
        shared = [text for text in made.paragraphs[:-1] if text in words["filler"]]
        paragraphs = (*shared, made.paragraphs[-1])
        if made.code == "delivery_note":
            header, rows, totals = header[:2], tuple(row[:2] for row in rows), ()
        return Sheet(
            (sender.name, sender.street, sender.town, f"{words['phone'][0]} {sender.phone}", sender.mail),
            (recipient.name, recipient.street, recipient.town),
            made.title,
            tuple(labelled),
            header,
            rows,
            totals,
            "",
            paragraphs,
            (rng.choice(words["closing"]), made.author),
            footer,
        )
    if made.layout in ("letter", "mail"):
        return Sheet(
            (sender.name, sender.street, sender.town),
            (recipient.name, recipient.street, recipient.town, f"{words['city'][0]}, {day}"),
            made.title,
            (),
            (),
            (),
            (),
            rng.choice(words["dear"]).replace("{person}", made.author),
            tuple(f"{text}." for text in made.paragraphs),
            (rng.choice(words["closing"]), made.author),
            "",
        )
    if made.layout == "contract":
        parties = (
            sender.name,
            f"{sender.street}, {sender.town}",
            recipient.name,
            f"{recipient.street}, {recipient.town}",
        )
        numbered = tuple(f"{index}. {text}." for index, text in enumerate(made.paragraphs, 1))
        return Sheet(
            (), parties, made.title, (), (), (), (), "", numbered, (day, rng.choice(words["signed"]), made.author), ""
        )
    head = (sender.name, sender.town) if made.code != "cv" else (made.author, sender.mail, sender.phone)
    return Sheet(head, (), made.title, (("", day),), (), (), (), "", made.paragraphs, (made.author,), "")
