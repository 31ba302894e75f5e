"""Each kind of document through the caged child, as the pipeline does it."""

import io
import tarfile

import pytest
from PIL import Image

from core.errors import NotFound
from ingest import ocr_models
from ingest.extractor import CannotRender, Extractor
from tests.support import documents_raw as raw

PROSE = (
    "This agreement is made between the parties named below and\n"
    "remains in force until it is terminated in writing by either\n"
    "of them with a notice of three months to the end of a year."
)
PROSE_DE = (
    "Dieser Vertrag wird zwischen den unten genannten Parteien\n"
    "geschlossen und gilt, bis er von einer Seite mit einer Frist\n"
    "von drei Monaten zum Ende eines Jahres schriftlich endet."
)


@pytest.fixture(scope="module")
def extractor():
    with Extractor() as made:
        yield made


def extract(extractor, data, name="document", **options):
    return extractor.extract([data], name=name, **options)


def test_a_pdf_gives_its_text_with_boxes_and_title(extractor):
    found = extract(extractor, raw.pdf("Rechnung Nr. 4711", "second page here", title="A bill"))
    assert [page.text for page in found.pages] == ["Rechnung Nr. 4711", "second page here"]
    assert found.pages[0].source == "text_layer"
    assert [word.text for word in found.pages[0].words] == ["Rechnung", "Nr.", "4711"]
    first, second = found.pages[0].words[:2]
    assert 900 < first.left < first.right <= second.left < 5000
    assert 400 < first.top < first.bottom < 1000
    assert (found.title, found.media_type, found.trouble) == ("A bill", "application/pdf", None)


def test_an_invoice_in_a_pdf_is_a_component_and_other_files_are_attachments(extractor):
    found = extract(extractor, raw.pdf("x", attachments={"factur-x.xml": raw.FACTURX, "notes.txt": b"notes"}))
    assert [(part.kind, part.role, part.name, part.data) for part in found.parts] == [
        ("component", "embedded_invoice", "factur-x.xml", raw.FACTURX),
        ("attachment", "pdf_attachment", "notes.txt", b"notes"),
    ]


def test_a_scanned_pdf_is_read_from_its_images(extractor):
    found = extract(extractor, raw.scanned_pdf(PROSE, PROSE))
    assert [page.source for page in found.pages] == ["ocr", "ocr"]
    assert "terminated in writing" in found.pages[1].text
    assert {page.ocr_language for page in found.pages} == {"eng"}
    assert all(0 <= word.left < word.right <= 10_000 for word in found.pages[0].words)


def test_the_language_of_a_scan_chooses_its_model(extractor):
    found = extract(extractor, raw.image(raw.drawn(PROSE_DE)))
    assert found.pages[0].ocr_language == "deu"
    assert "zwischen den unten genannten Parteien" in found.pages[0].text


def test_a_hint_chooses_the_model_too(extractor):
    found = extract(extractor, raw.image(raw.drawn("Nur zwei")), languages=["de"])
    assert found.pages[0].ocr_language == "deu"


def test_a_missing_model_is_named_and_the_text_kept(tmp_path):
    with Extractor(tessdata_dirs=[tmp_path]) as bare:
        found = extract(bare, raw.image(raw.drawn(PROSE)))
    assert found.trouble.code == "ocr_model_missing"
    assert "tesseract-ocr-eng" in found.trouble.detail
    (tmp_path / "eng.traineddata").symlink_to(
        ocr_models.find_models(ocr_models.default_folders())["eng"] / "eng.traineddata"
    )
    with Extractor(tessdata_dirs=[tmp_path]) as english:
        found = extract(english, raw.image(raw.drawn(PROSE_DE)))
    assert found.trouble.code == "ocr_model_missing"
    assert "tesseract-ocr-deu" in found.trouble.detail
    assert "Vertrag" in found.text


def test_a_page_on_its_side_is_turned_and_its_boxes_turned_back(extractor):
    upright = raw.drawn("\n".join([PROSE] * 5), size=(1654, 1654))
    found = extract(extractor, raw.image(upright.rotate(90, expand=True)))
    assert "terminated in writing" in found.text
    tall = [word for word in found.pages[0].words if len(word.text) > 6]
    assert sum(word.bottom - word.top > word.right - word.left for word in tall) > len(tall) * 0.9


def test_every_frame_of_a_tiff_is_a_page(extractor):
    data = raw.image(raw.drawn("first"), "TIFF", save_all=True, append_images=[raw.drawn("second")])
    assert [page.text for page in extract(extractor, data).pages] == ["first", "second"]


def test_a_word_document_gives_paragraphs_tables_and_properties(extractor):
    found = extract(extractor, raw.docx("Lieferung im März", rows=(("Summe", "12,00"), ("Steuer", "2,28"))), "a.docx")
    assert "Lieferung im März" in found.text
    assert "Summe\t12,00\nSteuer\t2,28" in found.text
    assert (found.title, found.facts["author"]) == ("A title", "An author")
    assert found.pages[0].source == "converted"


def test_tracked_insertions_are_read_and_macros_noted(extractor):
    body = b"<w:p><w:r><w:t>plain</w:t></w:r></w:p>"
    changed = (
        b"<w:p><w:r><w:t>plain</w:t></w:r><w:ins w:id='1' w:author='a'><w:r><w:t> inserted</w:t></w:r></w:ins>"
        b"<w:del w:id='2' w:author='a'><w:r><w:delText> deleted</w:delText></w:r></w:del></w:p>"
    )
    data = raw.with_member(raw.docx("plain"), "word/document.xml", (body, changed))
    found = extract(extractor, raw.with_member(data, "word/vbaProject.bin", b"macro"))
    assert found.text == "plain inserted"
    assert found.facts["macros"] == "yes"


def test_sheets_and_slides_are_pages(extractor):
    book = extract(extractor, raw.xlsx({"One": [["Name", "Sum"], ["Ana", 5]], "Two": [["later", 7]]}))
    assert ["Ana\t5" in book.pages[0].text, "later\t7" in book.pages[1].text] == [True, True]
    assert [page.text for page in extract(extractor, raw.pptx("Opening", "Closing")).pages] == ["Opening", "Closing"]


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        pytest.param(raw.odt("Vânzări în Iași"), "a.odt", "Vânzări în Iași", id="ODT"),
        pytest.param(rb"{\rtf1\ansi Gr\'fc\'dfe aus Wien\par}", "a.rtf", "Grüße aus Wien", id="RTF"),
        pytest.param(b"<html><script>no()</script><p>Caf\xe9</p></html>", "a.html", "Café", id="a web page of old"),
        pytest.param(b"# Ziel\n\n- eins\n- zwei\n", "a.md", "Ziel\n\n- eins\n- zwei", id="Markdown"),
        pytest.param(b"Name;Summe\nAna;5\n", "a.csv", "Name\tSumme\nAna\t5", id="CSV"),
        pytest.param("żółć".encode("utf-16"), "a.txt", "żółć", id="UTF-16"),
        pytest.param("Straße, Größe, Käufer, 5 € für alle".encode("cp1252"), "a", "Größe, Käufer, 5 €", id="cp1252"),
        pytest.param(b"<?xml version='1.0'?><I><DueDate>2025</DueDate></I>", "a.xml", "Due Date: 2025", id="XML"),
    ],
)
def test_other_kinds_of_text_are_read(extractor, data, name, expected):
    found = extract(extractor, data, name)
    assert expected in found.text
    assert found.trouble is None


def test_a_mail_gives_headers_body_and_attachments(extractor):
    found = extract(extractor, raw.mail("Guten Tag", html="<p>Guten <b>Tag</b></p>", attachments=2))
    assert found.title == found.facts["subject"] == "Grüße aus Iași"
    assert found.facts["from"] == "Ana Pop <ana@example.org>"
    assert found.text.endswith("Guten Tag")
    assert [(part.name, part.role, part.data) for part in found.parts] == [
        ("0.pdf", "mail_attachment", b"content 0"),
        ("1.pdf", "mail_attachment", b"content 1"),
    ]


def test_members_of_archives_become_parts(extractor):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        entry = tarfile.TarInfo("../../etc/b.txt")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"two"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    for data, names in ((raw.zip_of({"x/a.txt": b"one"}), ["x/a.txt"]), (tar.getvalue(), ["../../etc/b.txt"])):
        found = extract(extractor, data)
        assert [part.name for part in found.parts] == names
        assert (found.parts[0].kind, found.trouble) == ("member", None)


def test_a_long_text_is_divided_without_loss(extractor):
    lines = [f"line {number}" for number in range(500)]
    found = extract(extractor, "\n".join(lines).encode())
    assert len(found.pages) == 8
    assert "\n".join(page.text for page in found.pages).split("\n") == lines


def size_of(png):
    with Image.open(io.BytesIO(png)) as image:
        return image.size


def test_every_document_with_pages_has_images_of_them(extractor):
    for data in (raw.pdf("a", "b"), raw.image(raw.drawn("c")), raw.docx("d" * 50)):
        png = extractor.render_page([data], number=1, width=300)
        assert size_of(png)[0] == 300
    assert extractor.page_count([raw.pdf("a", "b")]) == 2
    assert size_of(extractor.thumbnail([raw.pdf("a")], width=120))[0] == 120
    assert size_of(extractor.typeset("Grüße\n" * 20, width=400)) == (400, 566)


def test_a_page_that_is_not_there_is_not_found(extractor):
    with pytest.raises(NotFound):
        extractor.render_page([raw.pdf("a")], number=2, width=300)
    with pytest.raises(CannotRender):
        extractor.render_page([b"%PDF-1.7 nothing"], number=1, width=300)
    assert extractor.page_count([raw.pdf("a")]) == 1
