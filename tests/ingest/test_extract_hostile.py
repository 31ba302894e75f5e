"""Hostile input costs bounded time and memory, and ends with a true reason."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ingest.extraction import TROUBLES
from ingest.extractor import ExtractionInterrupted, Extractor
from ingest.inspect import MIB, Limits
from tests.support import documents_raw as raw


@pytest.fixture(scope="module")
def extractor():
    with Extractor() as made:
        yield made


OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "WordDocument".encode("utf-16-le")

CASES = [
    pytest.param(b"", "empty", id="nothing"),
    pytest.param(b" \n\n", "empty", id="white space"),
    pytest.param(raw.pdf("x")[:300], "damaged", id="a PDF cut off"),
    pytest.param(raw.encrypted_pdf("x", user_password="secret"), "encrypted", id="a PDF with a password"),
    pytest.param(raw.docx("x" * 5000)[:-200], "damaged", id="a Word document cut off"),
    pytest.param(OLD_WORD, "unreadable_type", id="an old Word document"),
    pytest.param(bytes(range(256)) * 9, "unreadable_type", id="noise"),
    pytest.param(raw.zip_bomb(), "expansion_too_large", id="a ZIP bomb"),
    pytest.param(
        raw.with_member(raw.docx("x"), "word/zeros", bytes(64 * MIB)), "expansion_too_large", id="a Word bomb"
    ),
    pytest.param(raw.png_header(60_000, 60_000), "image_too_large", id="an image of 60,000 by 60,000"),
    pytest.param(raw.png_header(500, 500), "damaged", id="an image without its pixels"),
    pytest.param(raw.billion_laughs(), "entities", id="XML entities that multiply"),
    pytest.param(raw.external_entity("/etc/hostname"), "entities", id="an XML entity outside"),
    pytest.param(raw.pdf(""), "no_text", id="a blank page"),
]


@pytest.mark.parametrize(("data", "code"), CASES)
def test_bad_input_ends_with_its_reason(extractor, data, code):
    found = extractor.extract([data], name="document")
    assert found.trouble.code == code


def test_entities_are_neither_expanded_nor_fetched(extractor):
    secret = Path("/etc/hostname").read_text().strip()
    for data in (raw.billion_laughs(), raw.external_entity("/etc/hostname")):
        found = extractor.extract([data], name="a.xml")
        assert "lollol" not in found.text
        assert not secret or secret not in found.text


def test_an_empty_password_opens(extractor):
    assert extractor.extract([raw.encrypted_pdf("open", user_password="")], name="a.pdf").text == "open"


def test_a_mail_with_a_thousand_attachments_is_bounded(extractor):
    assert len(extractor.extract([raw.mail("x", attachments=1000)], name="a.eml").parts) == 1000
    found = extractor.extract([raw.mail("x", attachments=1001)], name="a.eml")
    assert (len(found.parts), found.trouble.code) == (1000, "too_many_parts")
    assert found.text.endswith("x")


def test_limits_on_size_and_pages_keep_what_fits():
    with Extractor(Limits(read_bytes=MIB, pages=2, image_pixels=1000)) as small:
        assert small.extract([b"x" * MIB, b"x"], name="a").trouble.code == "too_large"
        found = small.extract([raw.pdf("a", "b", "c")], name="a")
        assert ([page.text for page in found.pages], found.trouble.code) == (["a", "b"], "too_many_pages")
        assert small.extract([raw.png_header(100, 100)], name="a").trouble.code == "image_too_large"


def test_changed_bytes_never_break_the_extractor(extractor):
    chance = random.Random(7)
    originals = [raw.pdf("one", "two"), raw.docx("one"), raw.mail("one", attachments=1), raw.zip_of({"a": b"b"})]
    for data in originals * 12:
        changed = bytearray(data)
        for _ in range(chance.choice([1, 5, 40])):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        found = extractor.extract([bytes(changed[: chance.randrange(len(changed) // 2, len(changed) + 1)])], name="a")
        assert found.trouble is None or found.trouble.code in TROUBLES
        assert found.pages or found.parts or found.trouble


def child_of(extractor):
    return extractor._child.pid


def freeze(extractor):
    """Stop the child once it works, as one that hangs."""
    os.kill(child_of(extractor), signal.SIGSTOP)


def test_a_child_that_hangs_is_ended_while_another_goes_on():
    with Extractor(Limits(base_seconds=1.5)) as hanging, Extractor() as other:
        hanging.extract([b"warm"], name="a")
        pid = child_of(hanging)
        freeze(hanging)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(hanging.extract([b"stuck"], name="a")))
        began = time.monotonic()
        thread.start()
        assert other.extract([raw.pdf("free")], name="a").text == "free"
        assert other.extract([b"and on"], name="a").text == "and on"
        thread.join(20)
        assert answers[0].trouble.code == "time_limit"
        assert time.monotonic() - began < 10
        assert not Path(f"/proc/{pid}").exists()
        assert hanging.extract([b"again"], name="a").text == "again"


def test_a_child_that_takes_too_much_memory_is_ended_while_another_goes_on(extractor):
    # 120 million pixels in a file of 150 KB: allowed, but not in so little memory.
    large = raw.image(raw.drawn("x", size=(12_000, 10_000)))
    with Extractor(Limits(memory_bytes=160 * MIB)) as small:
        found = small.extract([large], name="a.png")
        assert found.trouble.code == "memory_limit"
        assert extractor.extract([b"others go on"], name="a").text == "others go on"
        assert small.extract([b"and so does this"], name="a").text == "and so does this"


def test_a_document_whose_child_is_killed_for_earlier_ones_is_read_by_a_new_one(extractor):
    extractor.extract([b"x"], name="a")
    first = child_of(extractor)
    freeze(extractor)
    timer = threading.Timer(0.3, os.kill, (first, signal.SIGKILL))
    timer.start()
    assert extractor.extract([b"once more"], name="a").text == "once more"
    assert child_of(extractor) != first


def test_an_idle_child_ends_by_itself_and_a_new_one_follows():
    with Extractor(idle_seconds=0.3) as idle:
        idle.extract([b"x"], name="a")
        first = child_of(idle)
        assert os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT).si_status == 0
        assert idle.extract([b"y"], name="a").text == "y"
        assert child_of(idle) != first


def test_children_are_replaced_after_some_documents():
    with Extractor(documents_per_child=2) as recycled:
        children = []
        for _ in range(4):
            recycled.extract([b"x"], name="a")
            children.append(child_of(recycled))
    assert children[0] == children[1] != children[2] == children[3]


def test_a_stopped_extractor_interrupts_its_document_without_blaming_it():
    with Extractor() as stopped:
        stopped.extract([b"x"], name="a")
        freeze(stopped)
        timer = threading.Timer(0.3, stopped.stop)
        timer.start()
        with pytest.raises(ExtractionInterrupted):
            stopped.extract([b"y"], name="a")
        with pytest.raises(ExtractionInterrupted):
            stopped.extract([b"z"], name="a")


def test_no_folder_is_left_behind():
    with Extractor() as made:
        made.extract([raw.odt("x")], name="a.odt")
        folder = made._child.folder
        assert folder.is_dir()
        assert list(folder.iterdir()) == []
    assert not folder.exists()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_nothing_connects_seen_from_outside_python(tmp_path):
    script = (
        "from ingest.extractor import Extractor\n"
        "from tests.support import documents_raw as raw\n"
        "with Extractor() as e:\n"
        "    for data in (raw.pdf('x'), raw.docx('x'), raw.mail('x', html='<img src=http://example.org/a.png>'),\n"
        "                 raw.odt('x'), b'<html><link href=http://example.org/a.css><p>x</p></html>'):\n"
        "        assert e.extract([data], name='a').trouble is None\n"
    )
    log = tmp_path / "calls"
    subprocess.run(
        ["strace", "-f", "-qq", "-o", str(log), "-e", "trace=connect,socket", sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
        timeout=120,
    )
    calls = [line for line in log.read_text().splitlines() if "connect(" in line or "socket(" in line]
    # libc asks a local name service for the user, in vain; a library asks at import whether there is IPv6,
    # and the cage refuses it the socket.
    assert [line for line in calls if "connect(" in line and ("AF_INET" in line or line.endswith("= 0"))] == []
    assert [line for line in calls if "socket(AF_INET" in line and "EPERM" not in line] == []
