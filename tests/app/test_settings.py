from pathlib import Path

import pytest

from app import settings
from app.settings import BadSetting, Settings, describe, load, secret


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        pytest.param({"MUNIMENT_PROT": "80"}, "no setting prot", id="a typing mistake"),
        pytest.param({"MUNIMENT_PORT": "eighty"}, "takes a number", id="a word for a number"),
        pytest.param({"MUNIMENT_PORT": "70000"}, "from 0 to 65535", id="no such port"),
        pytest.param({"MUNIMENT_BEHIND_PROXY": "maybe"}, "true or false", id="neither true nor false"),
        pytest.param({"MUNIMENT_HOST": "0.0.0.0"}, "can be reached", id="open to others without TLS"),
        pytest.param({"MUNIMENT_HOST": "192.168.1.5"}, "can be reached", id="an address of the network without TLS"),
        pytest.param({"MUNIMENT_TLS_KEY": "/k.pem"}, "go together", id="half of TLS"),
        pytest.param({"MUNIMENT_LOG_LEVEL": "loud"}, "log_level", id="an unknown level"),
        pytest.param({"MUNIMENT_WORKERS": "-1"}, "workers", id="fewer workers than none"),
        pytest.param({"MUNIMENT_LARGEST_UPLOAD_BYTES": "0"}, "largest_upload_bytes", id="nothing may be uploaded"),
        pytest.param({"MUNIMENT_TIME_ZONE": "Mars/Olympus"}, "time_zone", id="an unknown time zone"),
        pytest.param({"MUNIMENT_DATABASE": "mysql://a@b/c"}, "postgresql://", id="another kind of database"),
        pytest.param({"MUNIMENT_DATABASE": "postgresql:///c"}, "postgresql://", id="a database without a host"),
        pytest.param({"MUNIMENT_DATABASE": "postgresql://a:b@c/d"}, "must not hold a password", id="a password"),
        pytest.param({"MUNIMENT_BROKER": "redis://a/0"}, "go with a PostgreSQL", id="a broker for SQLite"),
        pytest.param(
            {"MUNIMENT_DATABASE": "postgresql://a@b/c", "MUNIMENT_OBJECTS": "https://s3"},
            "objects_credentials",
            id="a store without credentials",
        ),
        pytest.param({"MUNIMENT_CLAMD": "clamd.example.org"}, "127.0.0.1:3310", id="a scanner without a port"),
        pytest.param({"MUNIMENT_CLAMD": "tcp://clamd:x"}, "127.0.0.1:3310", id="a scanner with a word for a port"),
        pytest.param({"MUNIMENT_TIMESTAMP_URL": "https://tsa"}, "go together", id="stamps that nobody vouches for"),
        pytest.param({"MUNIMENT_TIMESTAMP_CA": "/ca.pem"}, "go together", id="an authority that is not asked"),
        pytest.param(
            {"MUNIMENT_TIMESTAMP_URL": "ftp://tsa", "MUNIMENT_TIMESTAMP_CA": "/ca.pem"},
            "https://",
            id="a stamping service that is none",
        ),
        pytest.param({"MUNIMENT_WITNESS_SECONDS": "0"}, "witness_seconds", id="witnesses asked all the time"),
        pytest.param({"MUNIMENT_PKCS11_MODULE": "/lib/p11.so"}, "pkcs11_token", id="a key service without a token"),
    ],
)
def test_what_cannot_be_used_stops_the_start_and_says_why(environment: dict[str, str], words: str):
    with pytest.raises(BadSetting) as raised:
        load(environment)
    assert words in raised.value.detail


@pytest.mark.parametrize("address", ["127.0.0.1:3310", "[::1]:3310", "clamd:3310", "/run/clamav/clamd.ctl"])
def test_a_scanner_is_a_host_with_a_port_or_a_socket(address: str):
    assert load({"MUNIMENT_CLAMD": address}).clamd == address


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"MUNIMENT_HOST": "0.0.0.0", "MUNIMENT_BEHIND_PROXY": "yes"}, id="behind a proxy"),
        pytest.param(
            {"MUNIMENT_HOST": "0.0.0.0", "MUNIMENT_TLS_KEY": "/k", "MUNIMENT_TLS_CERTIFICATE": "/c"}, id="with TLS"
        ),
        pytest.param({"MUNIMENT_HOST": "::1"}, id="the loopback of version 6"),
    ],
)
def test_other_machines_are_let_in_with_tls_or_a_proxy(environment: dict[str, str]):
    assert load(environment).host == environment["MUNIMENT_HOST"]


def test_what_is_given_comes_before_variables_before_the_file_before_defaults(tmp_path: Path):
    (tmp_path / "muniment.toml").write_text('port = 1\nworkers = 2\nlog_level = "debug"\n')
    found = load({"MUNIMENT_PORT": "3", "MUNIMENT_WORKERS": "4"}, data=tmp_path, port=5)
    assert (found.port, found.workers, found.log_level, found.host) == (5, 4, "debug", "127.0.0.1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("port = ", "cannot be read", id="no TOML"),
        pytest.param("prot = 1", "no setting prot", id="a typing mistake"),
        pytest.param("port = true", "takes a number", id="true for a number"),
        pytest.param("[port]\nx = 1", "takes a number", id="a table for a number"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path, text: str, words: str):
    (tmp_path / "muniment.toml").write_text(text)
    with pytest.raises(BadSetting) as raised:
        load({}, data=tmp_path)
    assert words in raised.value.detail


def test_children_get_the_same_settings(tmp_path: Path):
    chosen = load({}, data=tmp_path, port=0, behind_proxy=True, workers=3, tessdata="/a:/b", origin="example.org/log")
    assert load(chosen.to_environment()) == chosen


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff"], ids=["missing", "empty", "white space", "no text"])
def test_a_secret_that_cannot_be_read_names_its_setting_and_not_its_content(tmp_path: Path, content: bytes | None):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadSetting) as raised:
        secret(Settings(broker_password=path), "broker_password")
    assert "broker_password" in raised.value.detail


def test_a_secret_comes_from_its_file_without_the_line_end(tmp_path: Path):
    (tmp_path / "pin").write_text("1234\n")
    assert secret(Settings(pkcs11_pin=tmp_path / "pin"), "pkcs11_pin") == "1234"


def test_every_setting_says_what_it_means():
    rows = describe()
    assert [row[0] for row in rows] == [settings.PREFIX + name.upper() for name in Settings.__dataclass_fields__]
    assert all(meaning.endswith(".") for *_, meaning in rows)
    assert {kind for _, kind, _, _ in rows} <= {"bool", "int", "text", "path"}


def test_variables_of_other_programs_and_our_own_secrets_are_no_settings():
    assert load({"PATH": "/bin", "MUNIMENT_TOKEN": "x", "MUNIMENT_CORPUS": "/c"}) == Settings()
