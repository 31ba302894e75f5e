"""Samples as text: mails with an attachment, Markdown, plain text."""

from datetime import UTC, datetime, time
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from random import Random

from app.samples import paper
from app.samples.sheet import lay_out
from ingest.training.drafts import Draft
from ingest.training.vocabulary import Vocabulary


def mail(made: Draft, vocabulary: Vocabulary, rng: Random) -> bytes:
    """The draft as a mail whose attachment is the same letter on paper."""
    sheet = lay_out(made, vocabulary, rng)
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{made.author} <{made.sender.mail}>"
    message["To"] = f"{made.recipient.name} <{made.recipient.mail}>"
    message["Subject"] = made.title
    message["Date"] = format_datetime(
        datetime.combine(made.written_on, time(rng.randint(7, 18), rng.randint(0, 59)), UTC)
    )
    message["Message-ID"] = f"<{rng.getrandbits(64):016x}@example.com>"
    message.set_content("\n\n".join(filter(None, (sheet.opening, *sheet.paragraphs, *sheet.closing))) + "\n")
    message.add_attachment(
        paper.pdf(made, vocabulary, rng), maintype="application", subtype="pdf", filename="letter.pdf"
    )
    message.set_boundary(f"=={rng.getrandbits(64):016x}==")
    return message.as_bytes()


def markdown(made: Draft, vocabulary: Vocabulary, rng: Random) -> bytes:
    """The draft as Markdown."""
    sheet = lay_out(made, vocabulary, rng)
    parts = [
        f"# {sheet.title}",
        *sheet.letterhead[:1],
        *(f"## {index}\n\n{text}." for index, text in enumerate(sheet.paragraphs, 1)),
    ]
    return ("\n\n".join([*parts, *sheet.closing]) + "\n").encode()


def text(made: Draft, vocabulary: Vocabulary, rng: Random) -> bytes:
    """The draft as plain text in UTF-8."""
    return ("\n".join(lay_out(made, vocabulary, rng).lines()) + "\n").encode()
