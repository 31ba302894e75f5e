"""A server of one's own to hurt: too busy for what it is sent, killed, and behind TLS."""

import secrets
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import services
from search.elastic_bulk import ATTEMPTS, Change, send
from search.elastic_client import SearchAway, connect
from search.elastic_reader import ElasticReader
from search.elasticsearch import ElasticIndex
from search.port import IndexNotWritten
from tests.contracts.search_contract import a_document, fill, found
from tests.support import elastic

pytestmark = [pytest.mark.services, pytest.mark.slow]


class Narrow(services.Elasticsearch):
    """Takes changes of 3 MB at a time and answers 429 to the rest."""

    name = "elasticsearch-narrow"

    def prepare(self) -> None:
        super().prepare()
        settings = self.folder / "config" / "elasticsearch.yml"
        settings.write_text(settings.read_text() + "indexing_pressure.memory.limit: 3mb\n")


@pytest.fixture(scope="module")
def narrow() -> Iterator[Narrow]:
    elastic.needed()
    with services.private(Narrow) as server:
        yield server


def test_changes_go_in_however_busy_the_server_is(narrow: Narrow) -> None:
    with ElasticIndex(elastic.at(narrow, "muniment-busy")) as index, connect(index.server) as client:
        changes = [Change(a_document().record_id, n, b'{"words":["%s"]}' % (b"x" * 30_000)) for n in range(1, 401)]
        refused: list[float] = []

        def patient(seconds: float) -> None:
            refused.append(seconds)
            threading.Event().wait(seconds)

        def put(start: int) -> None:
            for at in range(start, start + 50, 25):
                send(client, index.server.alias, changes[at : at + 25], sleep=patient)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(put, range(0, 400, 50)))
        index.commit()
        assert index.count() == 400
        assert refused, "otherwise this test proves nothing"


def test_a_server_that_stays_too_busy_is_given_up_with_growing_waits(narrow: Narrow) -> None:
    with ElasticIndex(elastic.at(narrow, "muniment-stuck")) as index, connect(index.server) as client:
        waits: list[float] = []
        huge = Change(a_document().record_id, 1, b'{"words":["%s"]}' % (b"x" * 4_000_000))
        with pytest.raises(IndexNotWritten) as given_up:
            send(client, index.server.alias, [huge], sleep=waits.append)
        assert given_up.value.fields["records"] == [huge.record_id.hex]
        assert len(waits) == ATTEMPTS - 1
        assert waits[-1] > 10 * waits[0]
        assert 10 < sum(waits) < 60


def test_what_was_committed_outlives_a_kill_and_what_was_not_is_put_again(narrow: Narrow) -> None:
    server = elastic.at(narrow, "muniment-killed")
    with ElasticIndex(server) as index:
        kept = {each.record_id for each in fill(index, [a_document("common") for _ in range(50)])}
        late = [a_document("common late") for _ in range(20)]
        index.put(late)
        narrow.kill()
        with pytest.raises(IndexNotWritten):
            index.commit()
        with pytest.raises(SearchAway):
            index.count()
        narrow.start()
        assert found(index, "common") == kept
        fill(index, late)
        assert found(index, "common") == kept | {each.record_id for each in late}


def test_the_authority_of_the_certificate_is_what_the_setting_names(narrow: Narrow, tmp_path: Path) -> None:
    authority, ours = _certificate(tmp_path, "authority"), tmp_path / "server.pem"
    ours.write_bytes(authority.read_bytes() + (tmp_path / "authority.key").read_bytes())
    with _tls_in_front(narrow.port, ours) as port:
        plain = elastic.at(narrow, f"muniment-tls{secrets.token_hex(3)}", url=f"https://127.0.0.1:{port}")
        trusting = type(plain)(plain.hosts, plain.api_key, authority, plain.prefix)
        with ElasticIndex(trusting) as index:
            fill(index, [a_document("common")])
            assert index.count() == 1
        other = _certificate(tmp_path, "other")
        for stranger in (plain, type(plain)(plain.hosts, plain.api_key, other, plain.prefix)):
            with ElasticReader(stranger) as reader, pytest.raises(SearchAway):
                reader.count()


def _certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / f"{name}.pem"


class _tls_in_front:  # noqa: N801 - reads as a phrase
    """Ends TLS on a port of its own and passes everything on to ``port``, as a proxy before the server does."""

    def __init__(self, port: int, certificate: Path) -> None:
        self._port = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listening = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self._listening.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(plain,), daemon=True).start()

    def _pass_on(self, plain: socket.socket) -> None:
        try:
            client = self._context.wrap_socket(plain, server_side=True)
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", self._port))
        threading.Thread(target=_copy, args=(server, client), daemon=True).start()
        _copy(client, server)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
    except OSError:
        return
    finally:
        source.close()
