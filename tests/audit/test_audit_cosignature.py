"""Cosignatures and policies: known answers, quorums, and what is no policy."""

import base64
import hashlib
import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from audit.cosignature import WitnessKey, cosign, cosignatures_in, parse_witness_key, verify_cosignature
from audit.note import Checkpoint, NotANote, NotSigned, parse_signature, parse_vkey
from audit.policy import BadPolicy, parse_policy

TEXT = str(Checkpoint("muniment.local/0123456789abcdef", 5, bytes(32)))
PRIVATES = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(1, 7)]
KEYS = [WitnessKey(f"witness.example/w{n}", p.public_key().public_bytes_raw()) for n, p in enumerate(PRIVATES)]
# C2SP signed-note.md: the key of its example.
LOG = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


def test_a_cosignature_is_the_bytes_that_the_specification_says() -> None:
    line = cosign(TEXT, KEYS[0].name, PRIVATES[0], seconds=1679315147)
    dash, name, blob64 = line.split(" ")
    blob = base64.b64decode(blob64)
    public = PRIVATES[0].public_key().public_bytes_raw()
    assert (dash, name, len(blob)) == ("—", KEYS[0].name, 76)
    assert blob[:4] == hashlib.sha256(name.encode() + b"\n\x04" + public).digest()[:4]
    assert int.from_bytes(blob[4:12], "big") == 1679315147
    message = b"cosignature/v1\ntime 1679315147\n" + TEXT.encode()
    Ed25519PublicKey.from_public_bytes(public).verify(blob[12:], message)
    assert verify_cosignature(TEXT, parse_signature(line), KEYS[0]) == 1679315147


@given(st.integers(1, 2**63 - 1), st.integers(0, 71), st.integers(1, 255))
def test_a_changed_byte_of_a_cosignature_is_refused(seconds: int, place: int, change: int) -> None:
    line = cosign(TEXT, KEYS[0].name, PRIVATES[0], seconds=seconds)
    blob = bytearray(base64.b64decode(line.rpartition(" ")[2]))
    blob[4 + place] ^= change
    spoilt = parse_signature(f"— {KEYS[0].name} {base64.b64encode(blob).decode()}")
    with pytest.raises(NotSigned):
        verify_cosignature(TEXT, spoilt, KEYS[0])


def test_a_cosignature_of_another_checkpoint_or_key_does_not_count() -> None:
    line = cosign(TEXT, KEYS[0].name, PRIVATES[0], seconds=7)
    assert [c.seconds for c in cosignatures_in(TEXT, [line, line], KEYS)] == [7]
    assert cosignatures_in(TEXT.replace("\n5\n", "\n6\n"), [line], KEYS) == []
    assert cosignatures_in(TEXT, [line], KEYS[1:]) == []


def test_a_witness_key_reads_back_and_a_log_s_key_is_none() -> None:
    assert parse_witness_key(str(KEYS[0])) == KEYS[0]
    for line in (LOG, "", "a+b", str(KEYS[0]).replace("+", "-"), str(KEYS[0])[:-1], "x" + str(KEYS[0])):
        with pytest.raises(NotANote):
            parse_witness_key(line)
    with pytest.raises(NotANote):
        parse_vkey(str(KEYS[0]))


POLICY = f"""# two organisations
log {LOG} https://log.example/
witness X1 {KEYS[0]} https://x1.example
witness X2 {KEYS[1]}
\twitness  X3 {KEYS[2]}
group X-witnesses 2 X1 X2 X3

witness Y1 {KEYS[3]}
witness Y2 {KEYS[4]}
witness Y3 {KEYS[5]}
group Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_quorum_of_the_specification_s_example_is_two_of_x_and_one_of_y() -> None:
    policy = parse_policy(POLICY.encode())
    assert [str(each.key) for each in policy.logs] == [LOG]
    assert [each.url for each in policy.witnesses if each.url] == ["https://x1.example"]
    for chosen in itertools.chain.from_iterable(itertools.combinations(range(6), n) for n in range(7)):
        enough = sum(n < 3 for n in chosen) >= 2 and any(n >= 3 for n in chosen)
        assert policy.is_met([KEYS[n] for n in chosen]) == enough


def test_a_policy_may_ask_for_no_witness() -> None:
    policy = parse_policy(b"quorum none\n")
    assert (policy.needs_witnesses, policy.is_met([])) == (False, True)


def test_names_are_opaque_and_a_key_of_another_type_never_cosigns() -> None:
    other = "w.example+00000000+" + base64.b64encode(b"\x06" + bytes(1312)).decode()
    lines = b"witness \xe2\x84\xaa " + str(KEYS[0]).encode() + b"\nwitness K " + other.encode() + b"\nquorum K\n"
    policy = parse_policy(lines)
    assert policy.unsupported == ("K",)
    assert not policy.is_met(KEYS)


X, Y = f"witness X {KEYS[0]}\n", f"witness Y {KEYS[1]}\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="no quorum"),
        pytest.param("quorum none\nquorum none\n", id="two quorums"),
        pytest.param("quorum X\n" + X, id="a name defined later"),
        pytest.param(X + X.replace("X", "Z", 1) + "quorum X\n", id="a key twice"),
        pytest.param(X + Y.replace("Y", "X", 1) + "quorum X\n", id="a name twice"),
        pytest.param(X + "group G 2 X\nquorum G\n", id="more than there are"),
        pytest.param(X + "group G 0 X\nquorum G\n", id="none of them"),
        pytest.param(X + "group G 01 X\nquorum G\n", id="leading zero"),
        pytest.param(X + "group G any X X\nquorum G\n", id="a member twice"),
        pytest.param(X + Y + "group G any X\ngroup H any X Y\nquorum H\n", id="a member of two groups"),
        pytest.param(X + "group G any none\nquorum G\n", id="none as a member"),
        pytest.param(X.replace("X", "none", 1) + "quorum none\n", id="none as a name"),
        pytest.param(X + "group G any\nquorum G\n", id="an empty group"),
        pytest.param(f"log {LOG}\nlog {LOG}\nquorum none\n", id="a log twice"),
        pytest.param(f"log {KEYS[0]}\nquorum none\n", id="a witness as a log"),
        pytest.param(f"witness X {LOG}x\nquorum X\n", id="a broken key"),
        pytest.param("quorum none\r\n", id="a carriage return"),
        pytest.param("mirror X\nquorum none\n", id="an unknown line"),
        pytest.param("quorum none extra\n", id="too many words"),
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(BadPolicy):
        parse_policy(text.encode())


@given(st.binary(max_size=300))
def test_hostile_policies_are_policies_or_refused(data: bytes) -> None:
    for text in (data, POLICY.encode() + data):
        try:
            parse_policy(text)
        except BadPolicy:
            continue
