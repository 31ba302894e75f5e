"""Sample documents: each says what it claims to, in its language, and can be read back."""

import email
import email.policy
import io

import docx
import openpyxl
import pypdfium2
import pytest
from PIL import Image

from app.samples import Sample, make_samples
from ingest import classify, einvoice
from records import file_plan

OWN = "Hartmann Werke GmbH"
PLAN = file_plan.load()


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return list(make_samples(7, 60, own=OWN))


def _pdf_text(data: bytes) -> str:
    with pypdfium2.PdfDocument(data) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def _text(sample: Sample) -> str | None:
    """The text of the sample; ``None`` for a scan, which has none."""
    suffix = sample.name.rsplit(".", 1)[1]
    if suffix == "pdf":
        return _pdf_text(sample.data)
    if suffix == "docx":
        return "\n".join(paragraph.text for paragraph in docx.Document(io.BytesIO(sample.data)).paragraphs)
    if suffix == "xlsx":
        rows = openpyxl.load_workbook(io.BytesIO(sample.data)).active.iter_rows(values_only=True)
        return "\n".join(str(cell) for row in rows for cell in row if cell is not None)
    if suffix == "eml":
        message = email.message_from_bytes(sample.data, policy=email.policy.default)
        return message.get_body(("plain",)).get_content()
    return None if suffix == "png" else sample.data.decode()


def test_sixty_samples_spread_over_classes_languages_and_kinds_of_files(samples):
    assert len(samples) == 60
    assert len({sample.class_code for sample in samples}) > 30
    assert {sample.language for sample in samples} == {"en", "de", "fr", "ro", "es"}
    assert {sample.name.rsplit(".", 1)[1] for sample in samples} == {
        "pdf",
        "png",
        "docx",
        "xlsx",
        "eml",
        "md",
        "txt",
        "xml",
    }
    assert all(not PLAN.get(sample.class_code).group for sample in samples)


def test_each_holds_its_rare_word_and_no_other_does(samples):
    texts = {sample.name: _text(sample) for sample in samples}
    for sample in samples:
        holders = {name for name, text in texts.items() if text is not None and sample.rare_word in text}
        assert holders == ({sample.name} if texts[sample.name] is not None else set())


def test_romanian_and_german_letters_are_in_the_text_layer():
    texts = {"ro": "", "de": ""}
    for sample in make_samples(3, 60):
        if sample.language in texts and sample.name.endswith(".pdf"):
            texts[sample.language] += _text(sample) or ""
    assert set("șță") <= set(texts["ro"].lower())
    assert set("äöü") <= set(texts["de"])


def test_invoices_go_from_or_to_the_own_company(samples):
    kinds = {sample.class_code for sample in samples}
    assert {"supplier_invoice", "customer_invoice"} <= kinds
    for sample in samples:
        if sample.class_code in ("supplier_invoice", "customer_invoice") and (text := _text(sample)):
            assert OWN in text


def test_the_electronic_invoices_are_read_and_agree_with_the_page(samples):
    read = []
    for sample in samples:
        data = sample.data if sample.name.endswith(".xml") else None
        if sample.name.endswith(".pdf"):
            with pypdfium2.PdfDocument(sample.data) as document:
                data = bytes(document.get_attachment(0).get_data()) if document.count_attachments() else None
        if data is None:
            continue
        found = einvoice.read(data)
        assert found is not None
        assert found.total is not None
        assert classify.classify("", einvoice=found, own=classify.OwnNames((OWN,))).code == sample.class_code
        read.append(found.syntax)
    assert set(read) == {"UBL", "CII"}


def test_a_mail_carries_a_letter(samples):
    mail = next(sample for sample in samples if sample.name.endswith(".eml"))
    message = email.message_from_bytes(mail.data, policy=email.policy.default)
    (attachment,) = message.iter_attachments()
    assert mail.rare_word in _pdf_text(attachment.get_content())


def test_a_scan_is_a_page_of_a4_at_200_dpi(samples):
    scan = next(sample for sample in samples if sample.name.endswith(".png"))
    with Image.open(io.BytesIO(scan.data)) as image:
        assert (round(image.width, -1), round(image.height, -1)) == (1650, 2340)


def test_the_same_seed_gives_the_same_documents_and_another_seed_others():
    first, second, third = ([_text(s) for s in make_samples(seed, 8)] for seed in (1, 1, 2))
    assert first == second
    assert first != third
