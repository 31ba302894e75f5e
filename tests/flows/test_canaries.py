"""What people write stands nowhere in clear but where the design says: not in the log, its tiles, the server's log.

A canary of its own is planted in every field that takes text (over REST, the pages and the command line, in
headers, addresses and files), and then looked for in everything a running installation writes, in each form it
might have taken on the way: as bytes, in both byte orders of UTF-16, as base64 at each offset, as hex.
"""

import base64
import gzip
import io
import re
import secrets
import sqlite3
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.server import PASSWORD, Server

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]

V1 = "/api/v1"
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
CLEAR = frozenset({"entity", "department page", "case number", "report reference", "scope reference"})
"""What the main database holds in clear by design: names of firms and departments, numbers of case files and cases."""


@dataclass
class Canaries:
    """One for each field, all of them different in every run."""

    by_field: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __call__(self, name: str) -> str:
        """The text to plant: two random words with a letter beyond ASCII between them."""
        assert name not in self.by_field
        head, tail = ("".join(secrets.choice(_LETTERS) for _ in range(11)) for _ in range(2))
        self.by_field[name] = head, tail
        return f"{head}ü{tail}"

    def plain(self, name: str) -> str:
        """One of ASCII alone, where nothing else is taken."""
        return self(name).replace("ü", "x")

    def found_in(self, data: bytes) -> set[str]:
        """The fields whose canary stands in ``data``, in whatever form."""
        lowered = data.lower()
        return {
            name
            for name, words in self.by_field.items()
            for word in words
            if any((form in data if exact else form in lowered) for form, exact in _forms(word))
        }


def _forms(word: str) -> Iterator[tuple[bytes, bool]]:
    """How a word may stand somewhere, and whether the case of letters counts. JSON and URLs leave ASCII as it is."""
    plain = word.encode()
    yield plain, False
    yield word.encode("utf-16-le"), False
    yield plain.hex().encode(), False
    for shift in range(3):
        # Without the characters that the neighbours have a share in.
        whole = base64.b64encode(b"\x00" * shift + plain)
        yield whole[{0: 0, 1: 2, 2: 3}[shift] : len(whole) // 4 * 4 - 4], True
        yield base64.b32encode(plain)[:16].lower(), False


def test_the_forms_are_found_wherever_they_stand() -> None:
    canaries = Canaries()
    text = f"before {canaries('one')} behind"
    for data in (
        text.encode(),
        text.upper().encode(),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        text.encode().hex().encode(),
        quote(text).encode(),
        repr(text.encode("unicode_escape")).encode(),
        *(base64.b64encode(b"x" * n + text.encode()) for n in range(3)),
    ):
        assert canaries.found_in(data) == {"one"}
    assert canaries.found_in(b"nothing of it") == set()


class Messages:
    """Collects what passes the broker's folder, which is emptied as it is read."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stopping = folder, threading.Event()
        self.seen: dict[Path, bytes] = {}
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stopping.wait(0.01):
            for path in self._folder.rglob("*"):
                with suppress(OSError):
                    if path.is_file() and path not in self.seen:
                        self.seen[path] = path.read_bytes()

    def stop(self) -> bytes:
        """Everything seen."""
        self._stopping.set()
        self._thread.join()
        return b"\n".join(self.seen.values())


@dataclass(frozen=True)
class Planted:
    """What came of planting."""

    folder: Path
    canaries: Canaries
    passed: bytes
    """What passed the broker."""
    shown: bytes
    """What the server told auditors and those who watch it."""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """A data folder after all was planted and worked off."""
    folder = tmp_path_factory.mktemp("canaries") / "data"
    canaries = Canaries()
    environment = {
        "MUNIMENT_LOG_LEVEL": "debug",
        "MUNIMENT_WORKERS": "1",
        "MUNIMENT_PERSON_REPORTS_BASIS": "works-agreement/7",
        "MUNIMENT_PERSON_REPORTS_UNTIL": "2200-01-01",
    }
    with Server(folder, environment) as server:
        messages = Messages(folder / "run")
        shown = _plant(server, canaries)
        passed = messages.stop()
    return Planted(folder, canaries, passed, shown)


def _plant(server: Server, c: Canaries) -> bytes:
    """Plant everything; gives what the server shows to those who look after it."""
    server.command("user", "add", "boss", "--role", "administrator", "--entity", c("entity"), "--password-stdin",
                   stdin=f"{PASSWORD}\n")  # fmt: skip
    clerk_name = c.plain("sign-in name by command")
    entity = _rows(server, "SELECT name FROM legal_entities")[0][0]
    server.command("user", "add", clerk_name, "--role", "staff", "--entity", entity, "--password-stdin",
                   stdin=f"{PASSWORD}\n")  # fmt: skip
    server.command("user", "add", "auditor", "--role", "auditor", "--entity", entity)
    tokens = {
        name: server.command("token", "create", name, "--scope", scope)
        for name, scope in (
            (clerk_name, "capture,read"),
            ("boss", "capture,read,audit,admin"),
            ("auditor", "audit,read"),
        )
    }
    clerk, boss, auditor = (_client(server, tokens[name], c, name[:4]) for name in (clerk_name, "boss", "auditor"))
    _files(clerk, c, entity)
    _asking(clerk, c)
    _people(boss, c)
    _pages(server, c, clerk_name)
    _reports(auditor, boss, c)
    _commands(server, c, clerk_name)
    _settle(server, c)
    _asking_again(clerk, c)
    shown = [clerk.get(f"{V1}/records").headers["muniment-receipt"]]
    record = clerk.get(f"{V1}/records").json()["items"][0]["id"]
    shown += [clerk.get(f"{V1}/records/{record}/history").text]
    shown += [auditor.get(f"{V1}/audit/{what}").text for what in ("checkpoint", "proof/1", "trail?limit=200")]
    shown += [boss.get(address).text for address in ("/metrics", "/readyz", f"{V1}/openapi.json")]
    shown += [server.command("audit", *words) for words in (("proof", "3"), ("unwraps",), ("key",))]
    time.sleep(1.5)
    return "\n".join(shown).encode()


def _client(server: Server, token: str, c: Canaries, whose: str) -> httpx.Client:
    headers = {
        "Authorization": f"Bearer {token}",
        "User-Agent": c.plain(f"user agent of {whose}"),
        "Referer": f"https://{c.plain(f'referer of {whose}')}.example/",
        "Accept-Language": f"de, x-{c.plain(f'language of {whose}')[:8]}",
        "X-Request-Id": c.plain(f"request id of {whose}"),
        "X-Forwarded-For": c.plain(f"forwarded for {whose}"),
    }
    return httpx.Client(base_url=server.url, headers=headers, timeout=60)


def _files(clerk: httpx.Client, c: Canaries, entity: str) -> None:
    """Files of several kinds, with what is said about them."""
    letter = f"Sehr geehrte Frau {c('party in content')},\n{c('content')}\nRechnung {c('number in content')}, 12,00 EUR"
    metadata = {"title": c("title"), "document_date": "2026-02-03"}
    assert clerk.post(
        f"{V1}/records",
        files={"file": (f"{c('file name')}.txt", letter.encode()), "metadata": (None, _json(metadata))},
        headers={"Idempotency-Key": c.plain("idempotency key")},
    ).is_success
    mail = (
        f"From: {c.plain('mail from')}@example.org\nTo: x@example.org\nSubject: {c.plain('mail subject')}\n"
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n"
        f"{c('mail body')}\n--b\nContent-Type: text/plain\n"
        f'Content-Disposition: attachment; filename="{c.plain("attachment name")}.txt"\n\n{c("attachment")}\n--b--\n'
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(f"{c.plain('member name')}.txt", c("member"))
    for name, data in (
        (f"{c('mail name')}.eml", mail.encode()),
        (f"{c('archive name')}.zip", archive.getvalue()),
        (f"{c('broken name')}.pdf", b"%PDF-1.7\n" + c("broken content").encode()),
        (f"{c('table name')}.csv", f"Name;IBAN\n{c('cell')};{c('another cell')}\n".encode()),
    ):
        disposition = f"attachment; filename*=UTF-8''{quote(name)}"
        answer = clerk.put(f"{V1}/uploads", content=data, headers={"Content-Disposition": disposition})
        assert answer.is_success, answer.text
    record = clerk.put(f"{V1}/uploads", content=b"corrected below").json()["id"]
    disposition = f"attachment; filename*=UTF-8''{quote(c('version name'))}.txt"
    assert clerk.post(
        f"{V1}/records/{record}/versions",
        content=c("version content").encode(),
        headers={"Content-Disposition": disposition},
    ).is_success
    home = clerk.get(f"{V1}/entities").json()["items"][0]["id"]
    body = {"entity": home, "kind": "supplier", "number": c("case number"), "opened_on": "2026-01-02"}
    assert clerk.post(f"{V1}/case-files", json={**body, "name": c("case name")}).is_success


def _asking(clerk: httpx.Client, c: Canaries) -> None:
    """Addresses, query strings and bodies, most of which are refused."""
    clerk.get(f"{V1}/search", params={"q": c("query")})
    clerk.get(f"{V1}/search", params={"q": f'class:{c.plain("query field")} "', "sort": c.plain("sort")})
    clerk.get(f"{V1}/search", params={"q": "x", "cursor": c.plain("cursor")})
    clerk.get(f"{V1}/suggest", params={"q": c("prefix")})
    clerk.get(f"{V1}/case-files", params={"number": c("number asked for")})
    clerk.get(f"{V1}/records/{c.plain('record id')}")
    clerk.get(f"/{c.plain('address')}/{quote(c('address below'))}")
    clerk.post(f"{V1}/case-files", json={"name": c("field of a broken body"), c.plain("unknown field"): 1})
    clerk.post(f"{V1}/case-files", content=f'{{"name": "{c("half a body")}'.encode())
    clerk.put(f"{V1}/uploads", content=b"x", headers={"Muniment-Metadata": _json({"title": c.plain("header title")})})
    clerk.put(f"{V1}/uploads", content=b"x", headers={"Muniment-Metadata": c.plain("broken header")})
    clerk.put(f"{V1}/uploads", content=b"x", headers={"Content-Disposition": f"attachment; {c.plain('bad name')}"})
    clerk.patch(f"{V1}/records/{_first(clerk)}", json={"class": c.plain("class")[:40]}, headers={"If-Match": "*"})
    clerk.get(f"{V1}/me", headers={"Authorization": f"Bearer mun_{c.plain('bad token')}"})
    clerk.get("/", headers={"Cookie": f"muniment={c.plain('bad cookie')}"})
    clerk.request(c.plain("method").upper(), f"{V1}/me")


def _asking_again(clerk: httpx.Client, c: Canaries) -> None:
    """What finds something, once all is read."""
    for name in ("content", "member", "mail body", "title"):
        head, _ = c.by_field[name]
        assert clerk.get(f"{V1}/search", params={"q": f"{head}*"}).json()["total"] >= 1, name
        clerk.get(f"{V1}/suggest", params={"q": head[:6]})
    for each in clerk.get(f"{V1}/records", params={"limit": 200}).json()["items"]:
        for what in ("", "/content", "/text", "/pages/1", "/thumbnail.png", "/history"):
            clerk.get(f"{V1}/records/{each['id']}{what}")


def _people(boss: httpx.Client, c: Canaries) -> None:
    body = {"sign_in_name": c.plain("sign-in name"), "name": c("person"), "mail": f"{c.plain('mail')}@example.org"}
    assert boss.post(f"{V1}/people", json={**body, "password": c("password of a person")}).is_success
    boss.post(f"{V1}/people", json={"sign_in_name": "x", "mail": c("no mail")})
    made = boss.post(f"{V1}/me/tokens", json={"scopes": ["read"], "label": c("token label")})
    assert made.is_success, made.text
    boss.get(f"{V1}/people")


def _reports(auditor: httpx.Client, boss: httpx.Client, c: Canaries) -> None:
    """What an auditor types."""
    body = {
        "person": boss.get(f"{V1}/people").json()["items"][0]["id"],
        "entity": boss.get(f"{V1}/entities").json()["items"][0]["id"],
        "from": "2026-11-01T00:00:00Z",
        "to": "2026-12-01T00:00:00Z",
        "reason": "leak",
        "reference": c.plain("report reference"),
    }
    assert auditor.post(f"{V1}/audit/person-reports", json=body).is_success
    auditor.post(f"{V1}/audit/person-reports", json=body | {"reason": c("reason"), "reference": c("bad reference")})
    auditor.get(
        f"{V1}/audit/trail", params={"record": c.plain("record of a trail"), "request": c.plain("request asked")}
    )
    auditor.get(f"{V1}/audit/sample", params={"seed": c.plain("seed"), "class": "letter", "year": "2025", "count": "5"})
    auditor.post(f"{V1}/audit/exports", json={"person": c("person of an export")})
    people = [row["id"] for row in boss.get(f"{V1}/people").json()["items"]]
    scope = {
        "person": next(each for each in people if each != boss.get(f"{V1}/me").json()["id"]),
        "entity": body["entity"],
        "classes": ["accounting"],
        "first_year": 2024,
        "last_year": 2025,
        "reference": c.plain("scope reference"),
        "until": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
    }
    assert boss.post(f"{V1}/scopes", json=scope).is_success
    boss.post(f"{V1}/scopes", json=scope | {"reference": c("bad scope reference"), "classes": [c.plain("scope class")]})


def _pages(server: Server, c: Canaries, clerk: str) -> None:
    """Forms, as a browser sends them."""
    own = {"Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=server.url, timeout=60, headers=own) as browser:
        wrong = {"name": c("wrong sign-in name"), "password": c("wrong password"), "next": f"/{c.plain('next')}"}
        assert browser.post("/sign-in", data=wrong).status_code == 401
        assert browser.post("/sign-in", data={"name": "boss", "password": PASSWORD}).status_code == 303
        csrf = re.search(r'name="csrf" content="([0-9a-f]+)"', browser.get("/settings").text)
        assert csrf is not None
        home = re.search(r'name="entity" value="([0-9a-f-]{36})"', browser.get("/settings").text)
        sent: list[tuple[str, dict[str, Any]]] = [
            ("/profile/name", {"name": c("own name"), "mail": f"{c.plain('own mail')}@example.org"}),
            ("/profile/tokens", {"scope": "admin", "label": c("token label of a page")}),
            ("/people/new", {"sign_in_name": c.plain("sign-in name of a page"), "name": c("person of a page"),
                             "password": c("password of a page")}),
            ("/profile/password", {"present": c("present password"), "password": c("new password"), "again": "x"}),
            ("/people/new", {"sign_in_name": c.plain("refused name"), "password": "short"}),
        ]  # fmt: skip
        if home is not None:
            sent.append(("/settings/departments", {"entity": home[1], "name": c("department page"), "kind": "other"}))
        for address, form in sent:
            assert browser.post(address, data={"csrf": csrf[1], **form}).status_code in (200, 303, 422)
        browser.post("/profile/name", data={"csrf": c.plain("forged csrf"), "name": "x"})
        browser.get("/go", params={"q": c("go to")})
    with httpx.Client(base_url=server.url, timeout=60, headers=own) as browser:
        assert browser.post("/sign-in", data={"name": clerk, "password": PASSWORD}).status_code == 303
        browser.get("/search", params={"q": c("query of a page")})
        browser.get("/search.csv", params={"q": c("query of a table")})
        browser.get("/search/suggest", params={"prefix": c("prefix of a page")})
        browser.get("/case-files", params={"starting": c("case files starting")})
        browser.get("/upload", params={"welcome": c("parameter")})
        browser.get("/records/x", params={"done": c.plain("a word")[:20]})


def _commands(server: Server, c: Canaries, clerk: str) -> None:
    place = server.data.parent / "imported"
    place.mkdir()
    (place / f"{c('imported name')}.txt").write_text(c("imported content"), "utf-8")
    server.command("--as", clerk, "import", str(place))
    server.command("--as", clerk, "search", c("query of a command"))
    for words in (
        ("--as", c.plain("who acts"), "search", "x"),
        ("--token", c.plain("token of a command"), "search", "x"),
        ("--as", clerk, "record", "show", c.plain("record of a command")),
        ("--as", clerk, "import", str(place), "--department", c("department of a command")),
        ("--as", clerk, "import", str(place), "--case-file", c("case file of a command")),
        ("--as", clerk, "import", str(place), "--class", c.plain("class of a command")),
        ("user", "add", c.plain("name of a command"), "--role", c.plain("role of a command")),
    ):
        with pytest.raises(CalledProcessError):
            server.command(*words)


def _settle(server: Server, c: Canaries) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        (waiting,), (intake,) = (
            _rows(server, query)[0]
            for query in (
                "SELECT count(*) FROM jobs WHERE state IN ('ready', 'leased')",
                "SELECT count(*) FROM audit_intake",
            )
        )
        if not waiting and not intake:
            return
        time.sleep(0.2)
    raise AssertionError("the server did not come to rest")


def _rows(server: Server, query: str) -> list[Any]:
    connection = sqlite3.connect(f"file:{server.data / 'db' / 'main.db'}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _first(client: httpx.Client) -> str:
    return str(client.get(f"{V1}/records").json()["items"][0]["id"])


def _json(value: Any) -> str:
    import json

    return json.dumps(value)


def _bytes_below(*places: Path) -> bytes:
    """All files below, those that are compressed also as what they hold; names count too."""
    found = []
    for place in places:
        for path in [place, *place.rglob("*")] if place.is_dir() else [place]:
            found.append(str(path.name).encode())
            if path.is_file():
                data = path.read_bytes()
                found.append(data)
                if data[:2] == b"\x1f\x8b":
                    found.append(gzip.decompress(data))
    return b"\n".join(found)


def test_the_canaries_were_planted_and_stand_where_they_are_searched_for(planted: Planted) -> None:
    folder, canaries = planted.folder, planted.canaries
    assert len(canaries.by_field) > 70
    # Words of texts stand there too, packed; searches found them.
    assert {"title", "file name", "mail from"} & canaries.found_in(_bytes_below(folder / "index"))


def test_no_canary_is_in_the_log_nor_in_what_is_published_of_it(planted: Planted) -> None:
    folder, canaries = planted.folder, planted.canaries
    for name in sorted((folder / "db").glob("log.db*")):
        assert canaries.found_in(name.read_bytes()) == set(), name.name
    assert canaries.found_in(_bytes_below(folder / "log")) == set()


def test_no_canary_is_in_a_server_s_log_nor_in_what_it_leaves_behind(planted: Planted) -> None:
    folder, canaries = planted.folder, planted.canaries
    said = folder.with_name(folder.name + ".log").read_bytes()
    assert b'"process": "web"' in said
    assert canaries.found_in(said) == set()
    assert canaries.found_in(_bytes_below(folder / "run", folder / "tmp", folder / "keys")) == set()


def test_no_canary_passed_the_broker_or_was_shown_to_those_who_watch(planted: Planted) -> None:
    assert b"muniment.look" in planted.passed
    assert planted.canaries.found_in(planted.passed) == set()
    assert planted.canaries.found_in(planted.shown) <= {"case number"}


def test_no_canary_is_in_a_stored_object(planted: Planted) -> None:
    folder, canaries = planted.folder, planted.canaries
    assert canaries.found_in(_bytes_below(folder / "objects")) == set()


def test_the_main_database_holds_in_clear_what_the_design_says(planted: Planted) -> None:
    folder, canaries = planted.folder, planted.canaries
    found = set[str]()
    for name in sorted((folder / "db").glob("main.db*")):
        found |= canaries.found_in(name.read_bytes())
    assert found <= CLEAR
    assert {"entity", "case number"} <= found
