"""The witness: what it cosigns, what it refuses and how, its state, races and kills; over real HTTP."""

import base64
import hashlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.cosignature import cosignatures_in, parse_witness_key
from audit.note import Checkpoint, VerifierKey, parse_note, sign
from audit.tree import consistency_subtrees, proof, root_of
from audit.witness import Refused, Witness, WitnessStateLost, parse_submission
from audit.witness_server import WitnessServer
from core.clock import SystemClock

ORIGIN = "log.example/one"
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
LOG = VerifierKey(ORIGIN, PRIVATE.public_key().public_bytes_raw())
LEAVES = [hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(600)]
FORKED = [*LEAVES[:4], bytes(32), *LEAVES[5:]]


def note_of(size: int, leaves: list[bytes] = LEAVES, origin: str = ORIGIN) -> str:
    return sign(str(Checkpoint(origin, size, root_of(leaves[:size]))), (origin, PRIVATE))


def request_of(old: int, size: int, leaves: list[bytes] = LEAVES, *, note: str = "") -> bytes:
    hashes = proof(consistency_subtrees(old, size), lambda b, e: root_of(leaves[b:e])) if 0 < old <= size else []
    lines = [f"old {old}", *(base64.b64encode(h).decode() for h in hashes)]
    return ("\n".join(lines) + "\n\n" + (note or note_of(size, leaves))).encode()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[WitnessServer, int]]:
    witness = Witness.open(tmp_path / "w.key", tmp_path / "w.state", [LOG], SystemClock(), name="witness.example/w")
    with WitnessServer(("127.0.0.1", 0), witness) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server, server.server_address[1]
        server.shutdown()
        thread.join()


def post(port: int, body: bytes, path: str = "/add-checkpoint") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


def test_a_growing_log_is_cosigned_and_shown_to_monitors(served: tuple[WitnessServer, int]) -> None:
    server, port = served
    for old, size in ((0, 3), (3, 3), (3, 8), (8, 257), (257, 600)):
        status, kind, line = post(port, request_of(old, size))
        assert (status, kind) == (200, "text/plain; charset=utf-8")
        text = parse_note(note_of(size)).text
        found = cosignatures_in(text, [line.rstrip("\n")], [server.witness.vkey])
        assert abs(found[0].seconds - time.time()) < 60
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"/{hashlib.sha256(ORIGIN.encode()).hexdigest()}/checkpoint")
    shown = connection.getresponse().read().decode()
    assert shown.startswith(note_of(600))
    assert shown.count("— witness.example/w ") == 1
    connection.request("GET", f"/{hashlib.sha256(b'other').hexdigest()}/checkpoint")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (404, b"this witness has seen no such log\n")
    connection.close()


STRANGER = sign(str(Checkpoint(ORIGIN, 9, root_of(LEAVES[:9]))), (ORIGIN, Ed25519PrivateKey.generate()))


@pytest.mark.parametrize(
    ("body", "status", "kind", "says"),
    [
        pytest.param(request_of(0, 9), 409, "text/x.tlog.size", "8\n", id="an old size of before"),
        pytest.param(request_of(9, 9), 409, "text/x.tlog.size", "8\n", id="an old size of later"),
        pytest.param(request_of(8, 8, FORKED), 409, "text/plain; charset=utf-8", "", id="another tree of that size"),
        pytest.param(request_of(8, 9, FORKED), 422, "text/plain; charset=utf-8", "", id="another history"),
        pytest.param(b"old 8\n\n" + note_of(9).encode(), 422, "text/plain; charset=utf-8", "", id="no proof"),
        pytest.param(
            b"old 8\n" + base64.b64encode(bytes(32)) + b"\n\n" + note_of(8).encode(),
            422,
            "text/plain; charset=utf-8",
            "",
            id="a proof where none is due",
        ),
        pytest.param(b"old 9\n\n" + note_of(8).encode(), 400, "text/plain; charset=utf-8", "", id="old beyond new"),
        pytest.param(request_of(8, 9, note=STRANGER), 403, "text/plain; charset=utf-8", "", id="signed by a stranger"),
        pytest.param(
            request_of(8, 9, note=note_of(9, origin="log.example/two")),
            404,
            "text/plain; charset=utf-8",
            "",
            id="an unknown log",
        ),
        pytest.param(b"old 08\n\n" + note_of(9).encode(), 400, "text/plain; charset=utf-8", "", id="leading zero"),
        pytest.param(
            b"old 8\nnot base64\n\n" + note_of(9).encode(), 400, "text/plain; charset=utf-8", "", id="no hash"
        ),
        pytest.param(b"", 400, "text/plain; charset=utf-8", "", id="nothing"),
        pytest.param(b"\xff" * 50, 400, "text/plain; charset=utf-8", "", id="no text"),
        pytest.param(b"x" * 70_000, 413, "text/plain; charset=utf-8", "", id="too long"),
    ],
)
def test_what_does_not_extend_what_was_seen_is_refused_and_nothing_moves(
    served: tuple[WitnessServer, int], body: bytes, status: int, kind: str, says: str
) -> None:
    _, port = served
    assert post(port, request_of(0, 8))[0] == 200
    answer = post(port, body)
    assert answer[:2] == (status, kind)
    assert "—" not in answer[2]
    if says:
        assert answer[2] == says
    assert post(port, request_of(8, 9))[0] == 200


def test_a_first_checkpoint_needs_no_proof_and_an_empty_tree_has_one_root(served: tuple[WitnessServer, int]) -> None:
    _, port = served
    wrong = sign(str(Checkpoint(ORIGIN, 0, bytes(32))), (ORIGIN, PRIVATE))
    assert post(port, request_of(0, 0, note=wrong))[0] == 409
    assert post(port, b"old 0\n" + base64.b64encode(bytes(32)) + b"\n\n" + note_of(5).encode())[0] == 422
    assert post(port, request_of(0, 0))[0] == 200
    assert post(port, request_of(0, 5))[0] == 200
    assert post(port, b"", "/elsewhere")[0] == 404


def test_of_submissions_that_race_only_one_line_of_history_is_ever_cosigned(served: tuple[WitnessServer, int]) -> None:
    """Two histories and many sizes at once: whatever was cosigned is of one history, and in growing order."""
    _, port = served
    assert post(port, request_of(0, 4))[0] == 200
    cosigned: list[tuple[int, bool]] = []

    def submit(forked: bool) -> None:
        leaves, old = FORKED if forked else LEAVES, 4
        for size in range(5, 40):
            status, kind, text = post(port, request_of(old, size, leaves))
            if status == 200:
                cosigned.append((size, forked))
                old = size
            elif kind == "text/x.tlog.size":
                old = int(text)

    threads = [threading.Thread(target=submit, args=(forked,)) for forked in (False, True, False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({forked for _, forked in cosigned}) == 1


def test_a_witness_that_has_lost_its_state_does_not_go_on(tmp_path: Path) -> None:
    files = tmp_path / "w.key", tmp_path / "w.state"
    first = Witness.open(*files, [LOG], SystemClock(), name="witness.example/w")
    first.add_checkpoint(request_of(0, 5))
    assert Witness.open(*files, [LOG], SystemClock(), name="other").vkey == first.vkey
    files[1].unlink()
    with pytest.raises(WitnessStateLost):
        Witness.open(*files, [LOG], SystemClock(), name="witness.example/w")
    with pytest.raises(Exception, match="unable to open"):
        first.add_checkpoint(request_of(0, 5))
    assert not files[1].exists()


@given(st.binary(max_size=400))
def test_hostile_submissions_are_submissions_or_refused(data: bytes) -> None:
    for body in (data, b"old " + data, b"old 3\n" + data):
        told = 400
        try:
            parse_submission(body)
        except Refused as refused:
            told = refused.status
        assert told == 400


def _start(folder: Path) -> tuple["subprocess.Popen[str]", dict[str, str]]:
    command = [sys.executable, "-m", "app.cli", "--json", "witness", "--listen", "127.0.0.1:0", "--log", str(LOG)]
    files = ["--state", str(folder / "state"), "--key", str(folder / "key")]
    process = subprocess.Popen(command + files, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "."})
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def test_a_witness_killed_at_any_moment_never_signs_less_than_it_signed_before(tmp_path: Path) -> None:
    """``muniment witness`` in a process of its own, killed while logs submit; started again on the same files."""
    chance, seen, keys = random.Random(5), 0, set()
    for _ in range(4):
        process, told = _start(tmp_path)
        keys.add(told["key"])
        port = int(told["address"].rpartition(":")[2])
        killer = threading.Timer(chance.uniform(0.02, 0.3), process.send_signal, (signal.SIGKILL,))
        killer.start()
        try:
            while True:
                size = min(seen + chance.randrange(1, 4), len(LEAVES))
                status, _, text = post(port, request_of(seen, size))
                if status == 409:
                    # Cosigned, and killed before it could answer.
                    assert int(text) > seen
                    seen = int(text)
                else:
                    assert status == 200
                    seen = size
        except (OSError, http.client.HTTPException):
            pass
        killer.join()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    process, told = _start(tmp_path)
    port = int(told["address"].rpartition(":")[2])
    answer = post(port, request_of(0, 600))
    assert int(answer[2]) >= seen > 0
    assert len(keys) == 1
    assert parse_witness_key(told["key"])
    process.terminate()
    assert process.wait(60) == 0
    assert process.stdout is not None
    process.stdout.close()
