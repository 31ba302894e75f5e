"""Signed notes: the specification's own example, round trips, and hostile notes."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.keyfile import KeyFileExists, KeyFileMissing, KeyFileUnfit, create_key, load_key
from audit.note import (
    Checkpoint,
    NotANote,
    NotSigned,
    VerifierKey,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    sign,
    verify,
)

# C2SP signed-note.md: the key of the example.
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NAME = "muniment.local/0123456789abcdef"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
KEY = VerifierKey(NAME, PRIVATE.public_key().public_bytes_raw())
TEXT = str(Checkpoint(NAME, 5, bytes(32)))
NOTE = sign(TEXT, (NAME, PRIVATE))


def test_the_specification_s_key_has_the_id_it_says() -> None:
    key = parse_vkey(SPEC_VKEY)
    assert (key.name, key.id.hex(), str(key)) == ("example.com/foo", "530d903a", SPEC_VKEY)


def test_a_signed_checkpoint_opens_under_its_key_and_origin() -> None:
    assert open_checkpoint(NOTE, [KEY], origin=NAME) == Checkpoint(NAME, 5, bytes(32))
    with pytest.raises(NotANote, match="another log"):
        open_checkpoint(NOTE, [KEY], origin="muniment.local/other")


def test_signatures_of_unknown_keys_are_passed_over() -> None:
    note = parse_note(sign(TEXT, ("example.com/witness", OTHER), (NAME, PRIVATE)))
    assert verify(note, [KEY]) == [KEY]
    with pytest.raises(NotSigned, match="did not sign"):
        verify(parse_note(sign(TEXT, (NAME, OTHER))), [KEY])


def test_a_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    with pytest.raises(NotSigned, match="is wrong"):
        verify(parse_note(NOTE.replace("\n5\n", "\n6\n")), [KEY])


def test_the_text_ends_at_the_last_empty_line() -> None:
    note = parse_note(sign("first\n\nsecond\n", (NAME, PRIVATE)))
    assert note.text == "first\n\nsecond\n"
    assert verify(note, [KEY]) == [KEY]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="empty"),
        pytest.param(TEXT, id="no signature"),
        pytest.param(TEXT + "\n", id="an empty line and no signature"),
        pytest.param(NOTE[:-1], id="no line feed at the end"),
        pytest.param(NOTE.replace("—", "-"), id="another dash"),
        pytest.param(NOTE.replace(NAME + " ", "a+b "), id="a plus in a name"),
        pytest.param(NOTE + "\r\n", id="a carriage return"),
        pytest.param(NOTE.replace("\n\n", "\n\n\n"), id="two empty lines before the signatures"),
        pytest.param(NOTE + "— x AAAA\n", id="a signature without bytes"),
        pytest.param(NOTE + "— x !!!!\n", id="a signature not in base64"),
        pytest.param(NOTE + "x\n", id="something else behind it"),
        pytest.param("\ud800\n\n" + NOTE, id="a lone surrogate"),
        pytest.param(TEXT + "\n" + "— x AAAAAAA=\n" * 101, id="101 signatures"),
    ],
)
def test_what_is_no_note_is_refused(data: str) -> None:
    if data == NOTE.replace("\n\n", "\n\n\n"):
        # A note may end in an empty line; a checkpoint may not.
        with pytest.raises(NotANote):
            parse_checkpoint(parse_note(data).text)
        return
    with pytest.raises(NotANote):
        parse_note(data)


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{NAME}\n5\n{ROOT}", id="no line feed at the end"),
        pytest.param(f"{NAME}\n5\n{ROOT}\nmore\n", id="an extension line"),
        pytest.param(f"{NAME}\n05\n{ROOT}\n", id="a leading zero"),
        pytest.param(f"{NAME}\n-5\n{ROOT}\n", id="a negative size"),
        pytest.param(f"{NAME}\n9999999999999999\n{ROOT}\n", id="a size beyond 2^53"),
        pytest.param(f"{NAME}\n٥\n{ROOT}\n", id="another script's digit"),
        pytest.param(f"{NAME}\n5\n{ROOT[:-4]}\n", id="a short root"),
        pytest.param(f"{NAME}\n5\n{ROOT[:-2]}B=\n", id="another encoding of a root"),
        pytest.param(f"\n5\n{ROOT}\n", id="no origin"),
        pytest.param(f"a b\n5\n{ROOT}\n", id="a space in the origin"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NotANote):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    "line",
    [
        SPEC_VKEY[:-4],
        SPEC_VKEY.replace("530d903a", "530d903b"),
        SPEC_VKEY.replace("530d903a", "530D903A"),
        "example.com/foo",
        "",
        "example.com/foo+530d903a+" + base64.b64encode(b"\x02" + bytes(32)).decode(),
    ],
)
def test_what_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(NotANote):
        parse_vkey(line)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(data: str) -> None:
    for reader in (parse_note, parse_checkpoint, parse_vkey):
        try:
            reader(data)
        except NotANote:
            continue


@given(st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_reads_back(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(NAME, size, root)
    assert parse_checkpoint(str(checkpoint)) == checkpoint


def test_a_key_file_is_the_owner_s_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log.key"
    with pytest.raises(KeyFileMissing):
        load_key(path)
    made = create_key(path, NAME)
    assert path.stat().st_mode & 0o777 == 0o600
    assert str(load_key(path).verifier) == str(made.verifier)
    with pytest.raises(KeyFileExists):
        create_key(path, NAME)
    path.chmod(0o640)
    with pytest.raises(KeyFileUnfit, match="chmod 600"):
        load_key(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"PRIVATE+KEY+a+b", b"PRIVATE+KEY+a+00000000+" + base64.b64encode(b"\x01" + bytes(32)), b"\xff\xfe"],
)
def test_a_key_file_with_something_else_in_it_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileUnfit):
        load_key(path)
