"""The kind of a file comes from its content."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import inspect as kinds
from ingest.inspect import extension, inspect, name_says
from tests.support import documents_raw as raw

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)

CASES = [
    pytest.param(raw.pdf("x"), "a.txt", kinds.PDF, id="a PDF named text"),
    pytest.param(b"junk before\n%PDF-1.4\n", "a", kinds.PDF, id="a PDF with junk before it"),
    pytest.param(raw.png_header(1, 1), "a.jpg", kinds.PNG, id="a PNG named JPEG"),
    pytest.param(b"\xff\xd8\xff\xe0", "a", kinds.JPEG, id="a JPEG"),
    pytest.param(b"RIFF....WEBPVP8 ", "a", kinds.WEBP, id="a WebP"),
    pytest.param(raw.docx("x"), "a.zip", kinds.DOCX, id="a Word document named ZIP"),
    pytest.param(raw.xlsx({"S": [[1]]}), "a", kinds.XLSX, id="a workbook"),
    pytest.param(raw.pptx("x"), "a", kinds.PPTX, id="a presentation"),
    pytest.param(raw.odt("x"), "a", kinds.ODT, id="an OpenDocument text"),
    pytest.param(raw.zip_of({"a.txt": b"x"}), "a.docx", kinds.ZIP, id="a ZIP named Word"),
    pytest.param(raw.docx("x" * 9000)[:-100], "a", kinds.DOCX, id="a Word document cut off"),
    pytest.param(OLE + "WordDocument".encode("utf-16-le"), "a", kinds.DOC, id="an old Word document"),
    pytest.param(OLE + "EncryptedPackage".encode("utf-16-le"), "a", kinds.ENCRYPTED_OFFICE, id="a protected one"),
    pytest.param(OLE + "__properties_version1.0".encode("utf-16-le"), "a", kinds.MSG, id="an Outlook message"),
    pytest.param(rb"{\rtf1 x}", "a.doc", kinds.RTF, id="an RTF named Word"),
    pytest.param(raw.mail("x"), "a.txt", kinds.EML, id="a mail named text"),
    pytest.param(b"From a@b Tue\nSubject: x\n\nx\n\nFrom a@b Tue\nSubject: y\n\ny\n", "a", kinds.MBOX, id="a mailbox"),
    pytest.param(b"Note: one\nTotal: two\n\nno mail", "a", kinds.TEXT, id="lines with colons are no mail"),
    pytest.param(b"<!-- x --><!DOCTYPE html><p>x", "a.txt", kinds.HTML, id="a web page behind a comment"),
    pytest.param(b"\xef\xbb\xbf<?xml version='1.0'?><Invoice/>", "a", kinds.XML, id="an XML with a mark"),
    pytest.param("<?xml version='1.0'?><Invoice/>".encode("utf-16"), "a", kinds.XML, id="an XML in UTF-16"),
    pytest.param(b"<?xml version='1.0'?><html xmlns='x'/>", "a.xml", kinds.HTML, id="an XHTML"),
    pytest.param(b"# Title\n\nText", "a.md", kinds.MARKDOWN, id="Markdown by its name"),
    pytest.param(b"a;b\n1;2\n", "a.csv", kinds.CSV, id="CSV by its name"),
    pytest.param(raw.png_header(1, 1), "a.csv", kinds.PNG, id="a name does not make it CSV"),
    pytest.param("Grüße".encode("cp1252") * 9, "a", kinds.TEXT, id="text in an old encoding"),
    pytest.param("Plain".encode("utf-16-le") * 9, "a", kinds.TEXT, id="UTF-16 without a mark"),
    pytest.param(gzip.compress(b"x"), "a", kinds.GZIP, id="gzip"),
    pytest.param(bytes(range(256)) * 4, "a.pdf", kinds.UNKNOWN, id="anything else"),
    pytest.param(b"", "a.pdf", kinds.UNKNOWN, id="nothing"),
]


@pytest.mark.parametrize(("content", "name", "media_type"), CASES)
def test_the_kind_is_told_by_the_content(content, name, media_type):
    assert inspect(content, name) == media_type


@given(st.binary(max_size=2000), st.text(max_size=20))
def test_any_bytes_have_some_kind(content, name):
    assert "/" in inspect(content, name)


@given(st.sampled_from([b"PK\x03\x04", b"%PDF-", b"From ", b"<?xml ", b"\xff\xfe", OLE[:8]]), st.binary(max_size=500))
def test_a_signature_before_noise_has_some_kind(start, noise):
    assert "/" in inspect(start + noise, "a.eml")


@pytest.mark.parametrize(
    ("name", "media_type", "said"),
    [
        pytest.param("a.docx", kinds.PDF, "docx", id="another kind"),
        pytest.param("a.PDF", kinds.PDF, None, id="the same kind"),
        pytest.param("a.md", kinds.TEXT, None, id="text is no contradiction"),
        pytest.param("a.unheard", kinds.PDF, None, id="an unknown ending claims nothing"),
        pytest.param("pdf", kinds.TEXT, None, id="a name without an ending"),
    ],
)
def test_a_name_that_claims_another_kind_is_said(name, media_type, said):
    assert name_says(name, media_type) == said


def test_an_ending_is_short_and_lower_case():
    assert (extension("A.B.PDF"), extension(".hidden"), extension("a." + "x" * 11)) == ("pdf", "", "")
