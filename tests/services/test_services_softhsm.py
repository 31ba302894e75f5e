"""Tokens: made on demand, used in a process of their own, taken away and brought back."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from services import SoftHSM, Token, private

pytestmark = pytest.mark.services

WRAP = """
import sys
import pkcs11
module, label, pin = sys.argv[1:]
token = pkcs11.lib(module).get_token(token_label=label)
with token.open(rw=True, user_pin=pin) as session:
    key = session.generate_key(pkcs11.KeyType.AES, 256, label="k", store=True)
    print("made", flush=True)
    sys.stdin.readline()
    iv = session.generate_random(128)
    secret = key.encrypt(b"0123456789abcdef", mechanism_param=iv)
    assert key.decrypt(secret, mechanism_param=iv) == b"0123456789abcdef"
    print("used", flush=True)
"""


@pytest.fixture
def hsm() -> Iterator[SoftHSM]:
    with private(SoftHSM) as started:
        yield started


def use(token: Token) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRAP, str(token.module), token.label, token.pin],
        env=dict(os.environ, SOFTHSM2_CONF=str(token.configuration)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_new_token_makes_and_uses_a_key(hsm: SoftHSM) -> None:
    said, error = use(hsm.new_token()).communicate("\n")
    assert said.split() == ["made", "used"], error


def test_two_tokens_have_different_labels(hsm: SoftHSM) -> None:
    assert hsm.new_token().label != hsm.new_token().label


def test_a_token_that_was_taken_away_cannot_be_used_and_one_brought_back_can(hsm: SoftHSM) -> None:
    token = hsm.new_token()
    hsm.stop()
    said, error = use(token).communicate("\n")
    assert said == ""
    assert "Error" in error or "pkcs11" in error
    assert hsm.start() > 0
    said, error = use(token).communicate("\n")
    assert said.split() == ["made", "used"], error
