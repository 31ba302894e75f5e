"""The one door: every byte of a record's plaintext leaves through here.

``open_*`` and ``reveal`` check that the principal may see the record, then wait until the
audit event is durable, and only then decrypt. If the log cannot take the event, nothing is
let out (``LogUnavailable``). Nothing else in Muniment imports the vault's reader; the worker
comes through here too, as a system actor with its job as the basis.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import bindparam, select

from accounts.entities import LegalEntity
from accounts.principal import Principal
from audit.entries import Receipt
from audit.events import Event
from audit.events import ObjectRef as Named
from audit.log import Log
from core.clock import Clock
from core.database import Database, ReadSession
from core.errors import Conflict, Forbidden, IntegrityFailure, MunimentError, NotFound
from records import auditor_scope, case_file, derived, events, pages, party, record
from records.case_file import CaseFile
from records.field import FieldValue, fields_of
from records.key_events import UnwrapsCounted
from records.package_events import PackageTaken, RecordsPacked
from records.placement import reasons_of
from records.record import Component, Record, RecordVersion
from records.scope_events import RecordsHandedOver
from records.shown import Detail, HandedOver, Opened, Packed, PackedFile, Shown, Work
from vault.data_key import DataKey
from vault.envelope import context, plain_size
from vault.keyring import Keyring
from vault.reader import read, read_range
from vault.sealed import open_text
from vault.store import ObjectRef, ObjectStore
from vault.tally import Account, Counts

log = logging.getLogger("muniment.content")

Purpose = Literal["view", "preview", "download", "print", "page_image", "thumbnail", "text", "work"]
Field = Literal["title", "name", "parties"]
ORIGINAL = "original"
PACKAGE = "package"
_AT_ONCE = 100


class PackageNotReadable(Forbidden):
    """The package holds records that you may not read."""

    code = "package_not_readable"


class UnsafeFile(Conflict):
    """The malware scanner reports this file, or did not scan it."""

    code = "unsafe_file"


@dataclass(frozen=True, slots=True)
class Content:
    """The door, with what it stands on."""

    main: Database
    log: Log
    store: ObjectStore
    keys: Keyring
    clock: Clock

    def open_original(
        self,
        record_id: UUID,
        *,
        by: Principal,
        purpose: Purpose,
        version: int | None = None,
        span: tuple[int, int] | None = None,
        basis: str = "",
        request: str | None = None,
        unsafe: bool = False,
        scope: UUID | None = None,
    ) -> Opened:
        """The file of a record, or the bytes of ``span`` (start, end) of it.

        ``unsafe``: also where the malware scanner reports it. The program's own work (to scan it again) is let in.
        ``scope``: under that auditor's scope and nothing else ``by`` may read.

        Raises:
            ScopeNotOpen: the scope holds not yet, or no more.
            NotFound: no such record or version, not for ``by``, or its key is destroyed.
            UnsafeFile: the scanner reports it or did not scan it, and ``unsafe`` was not said.
            LogUnavailable: the access could not be logged; nothing was let out.
        """
        with self.keys.tally.reading() as account:
            with self.main.read() as session:
                row = self._visible(session, record_id, by, scope)
                chosen = record.get_version(session, row, version)
                if purpose != "work" and not unsafe:
                    require_safe(chosen)
                key = self.keys.get(session, chosen.id)
                name = open_text(key, row.id, chosen.id, "name", chosen.name_sealed)
            size = chosen.plain_bytes if span is None else span[1] - span[0]
            basis = basis if scope is None else auditor_scope.BASIS
            # What the program reads for itself is named by its version; the digest stands in the entry that took it in.
            digest = None if purpose == "work" else chosen.sha256
            receipt = self._log_opening(
                account, row, chosen.ordinal, digest, by, purpose, basis, request, "original", size
            )
        bound = context(row.id, chosen.id, ORIGINAL)
        if span is None:
            chunks = read(self.store, _ref(chosen), key, bound)
        else:
            chunks = read_range(self.store, _ref(chosen), key, bound, *span)
        return Opened(chunks, chosen.plain_bytes, chosen.media_type, name, chosen.sha256, receipt)

    def open_for_work(self, record_id: UUID, version_id: UUID, *, by: Principal, basis: str) -> Work | None:
        """What the program needs to read a version: its rows, its file, and the key to seal what it reads.

        ``None`` where the version is not the record's current one (any more). The key is unwrapped once for both, and
        counted with the entry that stands in the log.

        Raises:
            NotFound: its key is destroyed, or ``by`` is a person.
            LogUnavailable: the access could not be logged; nothing was let out.
        """
        if by.kind != "system":
            raise NotFound("there is no such record")
        with self.keys.tally.reading() as account:
            with self.main.read() as session:
                found = session.execute(_CURRENT, {"record": record_id, "version": version_id}).one_or_none()
                if found is None:
                    return None
                row, version, entity_name = found
                key = self.keys.get(session, version.id)
            name = open_text(key, row.id, version.id, "name", version.name_sealed)
            # What the program reads for itself is named by its version; the digest stands in the entry that took it in.
            receipt = self._log_opening(
                account, row, version.ordinal, None, by, "work", basis, None, ORIGINAL, version.plain_bytes
            )
        chunks = read(self.store, _ref(version), key, context(row.id, version.id, ORIGINAL))
        opened = Opened(chunks, version.plain_bytes, version.media_type, name, version.sha256, receipt)
        return Work(row, version, entity_name, key, opened)

    def open_component(
        self, record_id: UUID, component_id: UUID, *, by: Principal, purpose: Purpose, request: str | None = None
    ) -> Opened:
        """A component of a record (its embedded invoice XML, a signature); raises as ``open_original``."""
        with self.keys.tally.reading() as account:
            with self.main.read() as session:
                row = self._visible(session, record_id, by)
                part = next((c for c in record.components_of(session, row.id) if c.id == component_id), None)
                if part is None:
                    raise NotFound("the record has no such component")
                version = session.get_one(RecordVersion, part.version)
                require_safe(version)
                key = self.keys.get(session, version.id)
                name = open_text(key, row.id, version.id, f"component-name/{part.id.hex}", part.name_sealed)
            size = plain_size(part.sealed_bytes)
            receipt = self._log_opening(
                account, row, version.ordinal, part.sha256, by, purpose, "", request, "component", size
            )
        bound = context(row.id, version.id, f"component/{part.id.hex}")
        chunks = read(self.store, _ref(part), key, bound)
        return Opened(chunks, size, part.media_type, name, part.sha256, receipt)

    def open_derived(
        self,
        record_id: UUID,
        part: str,
        *,
        by: Principal,
        purpose: Purpose,
        version: int | None = None,
        basis: str = "",
        request: str | None = None,
    ) -> tuple[bytes, Receipt] | None:
        """A derived object whole (a page image, a thumbnail); ``None`` where it has not been made."""
        with self.keys.tally.reading() as account:
            with self.main.read() as session:
                row = self._visible(session, record_id, by)
                chosen = record.get_version(session, row, version)
                made = derived.find(session, chosen.id, part)
                if made is None:
                    return None
                key = self.keys.get(session, chosen.id)
            receipt = self._log_opening(account, row, chosen.ordinal, None, by, purpose, basis, request, part)
        bound = context(row.id, chosen.id, part)
        return b"".join(read(self.store, _ref(made), key, bound)), receipt

    def open_pages(
        self,
        record_id: UUID,
        *,
        by: Principal,
        purpose: Purpose = "text",
        version: int | None = None,
        basis: str = "",
        request: str | None = None,
    ) -> tuple[list[pages.ReadPage], Receipt | None]:
        """The read pages of a record; none where it has not been read yet."""
        opened = self.open_derived(
            record_id, derived.PAGES, by=by, purpose=purpose, version=version, basis=basis, request=request
        )
        if opened is None:
            return [], None
        data, receipt = opened
        return pages.decode(data), receipt

    def open_page(
        self, record_id: UUID, number: int, *, by: Principal, version: int | None = None, request: str | None = None
    ) -> tuple[pages.ReadPage, Receipt]:
        """One read page, decrypting only what it needs.

        Raises:
            NotFound: no such record for ``by``, not read yet, or no such page.
        """
        with self.keys.tally.reading() as account:
            with self.main.read() as session:
                row = self._visible(session, record_id, by)
                chosen = record.get_version(session, row, version)
                made = derived.find(session, chosen.id, derived.PAGES)
                if made is None:
                    raise NotFound("the record has no read text yet")
                key = self.keys.get(session, chosen.id)
            receipt = self._log_opening(account, row, chosen.ordinal, None, by, "text", "", request, "page")
        bound = context(row.id, chosen.id, derived.PAGES)

        def fetch(start: int, end: int) -> bytes:
            return b"".join(read_range(self.store, _ref(made), key, bound, start, end))

        page = pages.decode_page(fetch, number)
        if page is None:
            raise NotFound("the record has no such page")
        return page, receipt

    def reveal(
        self,
        record_ids: Sequence[UUID],
        fields: Iterable[Field] = ("title", "name", "parties"),
        *,
        by: Principal,
        where: str = "list",
        request: str | None = None,
        scope: UUID | None = None,
    ) -> tuple[list[Shown], Receipt | None]:
        """Titles, names and parties of those of the records that ``by`` may see, in the order asked for.

        One ``record.listed`` event names them all. ``where``: ``list``, ``search``, ``review``, ...
        ``scope``: under that auditor's scope and nothing else ``by`` may read.
        """
        wanted = set(fields)
        with self.keys.tally.reading() as account:
            with self.main.read() as session:
                visible = self._find(session, record_ids, by, scope)
                rows = [visible[i] for i in record_ids if i in visible]
                if not rows:
                    return [], None
                versions = self._current_versions(session, rows)
                keys = self.keys.get_many(session, [row.current_version for row in rows])
                names = party.names_of(session, [row.id for row in rows], self.keys) if "parties" in wanted else {}
            event = events.RecordListed(
                by=by.actor,
                entity=_one_entity(rows),
                request=request,
                basis="" if scope is None else auditor_scope.BASIS,
                records=tuple((row.id, versions[row.id].ordinal) for row in rows),
                where=where,
            )
            receipt = self._record(account, [event])[0]
        return [
            Shown(
                row,
                _opened(keys, versions[row.id], "title") if "title" in wanted else "",
                _opened(keys, versions[row.id], "name") if "name" in wanted else "",
                tuple(names.get(row.id, ())),
            )
            for row in rows
        ], receipt

    def found(
        self,
        record_ids: Sequence[UUID],
        *,
        query: str,
        total: int,
        by: Principal,
        request: str | None = None,
        as_table: bool = False,
    ) -> tuple[list[tuple[Shown, str]], Receipt]:
        """What a page of search results shows, with the beginning of each text to take a snippet from.

        One ``record.searched`` event names the query (as a commitment) and every record shown,
        also where nothing was found. Records that ``by`` may not see are left out: the index
        only proposes. ``as_table``: they are taken away, which is an event of its own beside it.
        """
        with self.keys.tally.reading() as account:
            with self.main.read() as session:
                visible = record.find_visible(session, record_ids, by, self.clock.now())
                rows = [visible[i] for i in record_ids if i in visible]
                versions = self._current_versions(session, rows)
                keys = self.keys.get_many(session, [row.current_version for row in rows])
                names = party.names_of(session, [row.id for row in rows], self.keys)
                texts = derived.of_versions(session, [row.current_version for row in rows], derived.PAGES)
            named = tuple((row.id, versions[row.id].ordinal) for row in rows)
            said: dict[str, Any] = {"by": by.actor, "entity": _one_entity(rows), "request": request, "records": named}
            written: list[Event] = [events.RecordsSearched(query=query, total=total, **said)]
            if as_table:
                written.append(events.TableTaken(**said))
            receipt = self._record(account, written)[0]
        shown = []
        for row in rows:
            version = versions[row.id]
            title, name = _opened(keys, version, "title"), _opened(keys, version, "name")
            text = ""
            if version.id in keys and version.id in texts:
                text = self._beginning(row, version, texts[version.id], keys[version.id])
            shown.append((Shown(row, title, name, tuple(names.get(row.id, ()))), text))
        return shown, receipt

    def name_files(self, files: Sequence[CaseFile], *, by: Principal, request: str | None = None) -> dict[UUID, str]:
        """Names of those of the case files that ``by`` may see, without those whose key is gone.

        One ``case_file.listed`` event names them all, and is durable before the first name leaves.
        """
        with self.main.read() as session:
            asked = [file.id for file in files]
            seen = {file.id for file in case_file.find_visible(session, asked, by, self.clock.now())}
        visible = [file for file in files if file.id in seen]
        if not visible:
            return {}
        entities = {file.entity for file in visible}
        event = events.CaseFilesListed(
            by=by.actor,
            entity=entities.pop() if len(entities) == 1 else None,
            request=request,
            files=tuple(file.id for file in visible),
        )
        with self.keys.tally.reading() as account:
            self._record(account, [event])
            with self.main.read() as session:
                return case_file.names_of(session, visible, self.keys)

    def suggested(self, typed: str, shown: int, *, by: Principal, request: str | None = None) -> Receipt:
        """Write that words of records, which come from the index, are suggested for a typed beginning."""
        event = events.Suggested(by=by.actor, request=request, typed=typed, shown=shown)
        with self.keys.tally.reading() as account:
            return self._record(account, [event])[0]

    def hand_over(
        self, scope: UUID, *, by: Principal, request: str | None = None
    ) -> tuple[Iterator[HandedOver], Receipt]:
        """Every record of an auditor's scope with its file, those taken in first first, by one event that names all.

        Records are opened one by one while they are taken. Those whose key is destroyed, or that leave the scope
        meanwhile, are left out; what the malware scanner did not pass comes without its file.

        Raises:
            NotFound: the scope is not theirs, or opens no record.
            ScopeNotOpen: it holds not yet, or no more.
            Invalid: it opens more records than one export holds.
            LogUnavailable: the export could not be logged; nothing is given.
        """
        with self.keys.tally.reading() as account:
            with self.main.read() as session:
                found = auditor_scope.within(session, scope, by=by, at=self.clock.now())
                files = auditor_scope.current_files(session, found)
            event = RecordsHandedOver(
                by=by.actor,
                entity=found.entity,
                request=request,
                basis=auditor_scope.BASIS,
                scope=scope,
                records=tuple(Named("record", each.record, each.ordinal, each.sha256) for each in files),
                size_bytes=sum(each.plain_bytes for each in files),
            )
            receipt = self._record(account, [event])[0]
        return self._hand_out(found, files), receipt

    def _hand_out(
        self, found: auditor_scope.Within, files: Sequence[auditor_scope.CurrentFile]
    ) -> Iterator[HandedOver]:
        for start in range(0, len(files), _AT_ONCE):
            chunk = files[start : start + _AT_ONCE]
            with self.main.read() as session, self.keys.tally.reading() as account:
                rows = auditor_scope.find_records(session, [each.record for each in chunk], found)
                named = [each.version for each in chunk if each.record in rows]
                versions = {v.record: v for v in session.scalars(_VERSIONS, {"versions": named})}
                keys = self.keys.get_many(session, named)
                names = party.names_of(session, list(rows), self.keys)
                # By the entry that names them all.
                account.logged(0)
            for each in chunk:
                row, version = rows.get(each.record), versions.get(each.record)
                key = keys.get(each.version)
                if row is None or version is None or key is None:
                    continue
                shown = Shown(
                    row, _opened(keys, version, "title"), _opened(keys, version, "name"), tuple(names.get(row.id, ()))
                )
                bound = context(row.id, version.id, ORIGINAL)
                chunks = None if version.is_unsafe else read(self.store, _ref(version), key, bound)
                yield HandedOver(shown, version.media_type, version.plain_bytes, chunks)

    def pack(self, package: UUID, record_ids: Sequence[UUID], *, by: Principal, basis: str) -> Iterator[Packed]:
        """The records of a package, one after the other, with all versions, components and read texts.

        One event names every file, and is durable before this returns. Records are opened one by one while they are
        taken: each must be read before the next is asked for.

        Raises:
            NotFound: one of the records is not there, or its key is destroyed.
            UnsafeFile: the malware scanner did not pass a file of one.
            LogUnavailable: the access could not be logged; nothing is given.
        """
        with self.keys.tally.reading() as account:
            named, size = list[Named](), 0
            with self.main.read() as session:
                for record_id in record_ids:
                    row = self._visible(session, record_id, by)
                    for version in record.versions_of(session, row.id):
                        require_safe(version)
                        named.append(Named("record", row.id, version.ordinal, version.sha256))
                        size += version.plain_bytes
            event = RecordsPacked(by=by.actor, basis=basis, package=package, records=tuple(named), size_bytes=size)
            self._record(account, [event])
        return (self._packed(record_id, by) for record_id in record_ids)

    def _packed(self, record_id: UUID, by: Principal) -> Packed:
        with self.main.read() as session, self.keys.tally.reading() as account:
            (gathered,) = self._gather(session, [self._visible(session, record_id, by)])
            texts = derived.of_versions(session, [version.id for version in gathered.versions], derived.PAGES)
            # By the entry that names them all.
            account.logged(0)
        if any(version.id not in gathered.keys for version in gathered.versions):
            raise NotFound("the key of the record is destroyed")
        row, files = gathered.row, list[PackedFile]()
        for version in gathered.versions:
            key, name = gathered.keys[version.id], _opened(gathered.keys, version, "name")
            chunks = self._lazily(version, key, context(row.id, version.id, ORIGINAL))
            files.append(_file("version", version, version.ordinal, name, chunks, version.page_count))
            for part in gathered.components:
                if part.version == version.id:
                    bound = context(row.id, version.id, f"component/{part.id.hex}")
                    chunks = self._lazily(part, key, bound)
                    files.append(
                        _file("component", part, version.ordinal, _component_name(gathered.keys, part), chunks)
                    )
            if version.id in texts:
                bound = context(row.id, version.id, derived.PAGES)
                chunks = _as_text(self._lazily(texts[version.id], key, bound))
                files.append(_file("text", texts[version.id], version.ordinal, "", chunks))
        title = _opened(gathered.keys, gathered.current, "title")
        return Packed(row, title, tuple(gathered.parties), tuple(gathered.fields), tuple(files))

    def _lazily(
        self, row: RecordVersion | Component | derived.DerivedObject, key: DataKey, bound: bytes
    ) -> Iterator[bytes]:
        yield from read(self.store, _ref(row), key, bound)

    def open_package(
        self,
        package: UUID,
        stored: ObjectRef,
        record_ids: Sequence[UUID],
        *,
        sha256: bytes,
        by: Principal,
        request: str | None = None,
    ) -> tuple[Iterator[bytes], Receipt]:
        """The bytes of a package, for somebody who may read every record in it.

        Raises:
            PackageNotReadable: there is one that they may not read.
            NotFound: its key is destroyed.
            LogUnavailable: the access could not be logged; nothing is let out.
        """
        ids, at = set(record_ids), self.clock.now()
        with self.keys.tally.reading() as account:
            with self.main.read() as session:
                if len(record.find_visible(session, ids, by, at)) != len(ids):
                    raise PackageNotReadable("somebody who may read all of its records takes it away")
                key = self.keys.get(session, package)
            event = PackageTaken(
                by=by.actor,
                request=request,
                package=package,
                digest=sha256,
                size_bytes=plain_size(stored.size_bytes),
                records=tuple(sorted(ids)),
            )
            receipt = self._record(account, [event])[0]
        return read(self.store, stored, key, context(package, None, PACKAGE)), receipt

    def history_shown(self, record_id: UUID, shown: int, *, by: Principal, request: str | None = None) -> Receipt:
        """Write that entries of the log about a record, which the caller has found to be visible, are shown."""
        event = events.HistoryShown(by=by.actor, request=request, record=record_id, shown=shown)
        return self.log.record([event], at=self.clock.now())[0]

    def tell_unwraps(self) -> None:
        """Tell in the log for what this process unwrapped keys: at its end; otherwise that goes with its reads."""
        counts = self.keys.tally.drain()
        if counts is None:
            return
        try:
            self.log.record([self._counted(counts)], at=self.clock.now())
        except MunimentError:
            self.keys.tally.put_back(counts)
            log.warning("what keys were unwrapped for was not told")

    def detail(
        self, record_id: UUID, *, by: Principal, purpose: Purpose = "view", request: str | None = None
    ) -> Detail:
        """All that the record's page shows besides its pages. ``purpose``: ``view``, ``preview`` or ``print``.

        Raises:
            NotFound: no such record, or not for ``by``.
            LogUnavailable: the access could not be logged.
        """
        with self.keys.tally.reading() as account:
            with self.main.read() as session:
                visible = self._visible(session, record_id, by)
                below = record.children_of(session, record_id, by, self.clock.now())
                (gathered,) = self._gather(session, [visible], [child.id for child in below])
            row, current = gathered.row, gathered.current
            receipt = self._log_opening(account, row, current.ordinal, None, by, purpose, "", request, "detail")
        return gathered.opened(receipt)

    def whole(self, record_id: UUID, *, by: Principal, basis: str) -> tuple[Detail, str]:
        """A record's details and all its read text, by one event; raises as ``detail`` does."""
        for found in self.whole_many([record_id], by=by, basis=basis):
            return found
        raise NotFound("there is no such record, or it is not yours to see")

    def whole_many(self, record_ids: Sequence[UUID], *, by: Principal, basis: str) -> Iterator[tuple[Detail, str]]:
        """Details and read text of those of the records that there are for ``by``: what the index is made from.

        One event a record, all of them durable by one commit of the log when this returns; texts are
        opened one by one while they are taken. Text that is damaged is left out, with an alarm.

        Raises:
            LogUnavailable: the accesses could not be logged.
        """
        with self.keys.tally.reading() as account:
            with self.main.read() as session:
                if by.kind == "system":
                    rows = {row.id: row for row in session.scalars(_RECORDS, {"records": list(record_ids)})}
                else:
                    rows = self._find(session, record_ids, by, None)
                all_gathered = self._gather(session, [rows[each] for each in record_ids if each in rows])
            openings = [
                _opening(each.row, each.current.ordinal, None, by, "work", basis, None, "whole")
                for each in all_gathered
            ]
            receipts = self._record(account, openings) if openings else []
        return self._let_out(all_gathered, receipts)

    def _let_out(
        self, all_gathered: Sequence["_Gathered"], receipts: Sequence[Receipt]
    ) -> Iterator[tuple[Detail, str]]:
        for gathered, receipt in zip(all_gathered, receipts, strict=True):
            try:
                text = self._text(gathered)
            except NotFound:
                # Its key was destroyed.
                continue
            yield gathered.opened(receipt), text

    def _text(self, gathered: "_Gathered") -> str:
        row, version = gathered.row, gathered.current.id
        with self.main.read() as session:
            # Looked for only now: since the others were taken, the text may have been replaced or the key destroyed.
            made = derived.find(session, version, derived.PAGES)
            if made is None:
                return ""
            with self.keys.tally.reading() as account:
                key = self.keys.get(session, version)
                # By the entry under which its details were gathered.
                account.logged(0)
        try:
            return pages.text_of(b"".join(read(self.store, _ref(made), key, context(row.id, version, derived.PAGES))))
        except IntegrityFailure as error:
            log.error("the read text of a record is damaged", extra={"id": str(row.id), "code": error.code})
            return ""

    def _gather(self, session: ReadSession, rows: Sequence[Record], children: Sequence[UUID] = ()) -> list["_Gathered"]:
        """The details of records; ``children`` are those of the only one."""
        ids = [row.id for row in rows]
        versions = record.versions_of_all(session, ids)
        components = record.components_of_all(session, ids)
        keys = self.keys.get_many(session, [version.id for some in versions.values() for version in some])
        current = {row.id: next(v for v in versions[row.id] if v.id == row.current_version) for row in rows}
        fields = fields_of(session, [version for version in current.values() if version.id in keys], keys)
        parties = party.names_of(session, ids, self.keys)
        in_files = [row.case_file for row in rows if row.case_file]
        listed_only = set(session.scalars(_LISTED_ONLY, {"files": in_files})) if in_files else set()
        return [
            _Gathered(
                row,
                (now := current[row.id]),
                versions[row.id],
                components.get(row.id, []),
                {version.id: keys[version.id] for version in versions[row.id] if version.id in keys},
                fields.get(now.id, []),
                reasons_of(now, keys[now.id]) if now.id in keys else [],
                parties.get(row.id, []),
                children,
                row.case_file in listed_only,
            )
            for row in rows
        ]

    def _beginning(self, row: Record, version: RecordVersion, made: derived.DerivedObject, key: DataKey) -> str:
        try:
            return pages.beginning(b"".join(read(self.store, _ref(made), key, context(row.id, version.id, made.part))))
        except IntegrityFailure as error:
            # A search must not fail for one damaged text; opening the record says what is wrong.
            log.error("the read text of a record is damaged", extra={"id": str(row.id), "code": error.code})
            return ""

    def _find(
        self, session: ReadSession, record_ids: Sequence[UUID], by: Principal, scope: UUID | None
    ) -> dict[UUID, Record]:
        at = self.clock.now()
        if scope is None:
            return record.find_visible(session, record_ids, by, at)
        return auditor_scope.find_records(session, record_ids, auditor_scope.within(session, scope, by=by, at=at))

    def _visible(self, session: ReadSession, record_id: UUID, by: Principal, scope: UUID | None = None) -> Record:
        if scope is not None:
            found = auditor_scope.within(session, scope, by=by, at=self.clock.now())
            return auditor_scope.get_record(session, record_id, found)
        if by.kind == "system":
            row = session.get(Record, record_id)
            if row is None:
                raise NotFound("there is no such record")
            return row
        return record.get_visible(session, record_id, by, self.clock.now())

    def _current_versions(self, session: ReadSession, rows: list[Record]) -> dict[UUID, RecordVersion]:
        found = session.scalars(_VERSIONS, {"versions": [row.current_version for row in rows]})
        return {version.record: version for version in found}

    def _log_opening(
        self,
        account: Account,
        row: Record,
        ordinal: int,
        digest: bytes | None,
        by: Principal,
        purpose: Purpose,
        basis: str,
        request: str | None,
        piece: str,
        size: int = 0,
    ) -> Receipt:
        event = _opening(row, ordinal, digest, by, purpose, basis, request, piece, size)
        return self._record(account, [event])[0]

    def _record(self, account: Account, written: Sequence[Event]) -> list[Receipt]:
        """Have the events of a read in the log, durably; now and then with what this process has counted."""
        counts = self.keys.tally.drain() if self.keys.tally.is_due else None
        if counts is None:
            receipts = self.log.record(written, at=self.clock.now())
            account.logged(len(receipts))
            return receipts
        try:
            receipts = self.log.record([*written, self._counted(counts)], at=self.clock.now())[:-1]
        except BaseException:
            self.keys.tally.put_back(counts)
            raise
        account.logged(len(receipts))
        return receipts

    def _counted(self, counts: Counts) -> UnwrapsCounted:
        return UnwrapsCounted(process=self.keys.tally.process, counts=counts)


_VERSIONS = select(RecordVersion).where(RecordVersion.id.in_(bindparam("versions", expanding=True)))
_RECORDS = select(Record).where(Record.id.in_(bindparam("records", expanding=True)))
_LISTED_ONLY = select(CaseFile.id).where(CaseFile.id.in_(bindparam("files", expanding=True)), CaseFile.listed_only)
_CURRENT = (
    select(Record, RecordVersion, LegalEntity.name)
    .join(RecordVersion, RecordVersion.id == Record.current_version)
    .join(LegalEntity, LegalEntity.id == Record.entity)
    .where(Record.id == bindparam("record"), RecordVersion.id == bindparam("version"))
)


def require_safe(version: RecordVersion) -> None:
    """Refuse a version that the malware scanner reports or did not scan.

    Raises:
        UnsafeFile: it is one.
    """
    if version.is_unsafe:
        raise UnsafeFile("say that you want it all the same", trouble=version.trouble_code)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What a record's details are made of, on one snapshot; ``opened`` once the access stands in the log."""

    row: Record
    current: RecordVersion
    versions: Sequence[RecordVersion]
    components: Sequence[Component]
    keys: dict[UUID, DataKey]
    fields: Sequence[FieldValue]
    reasons: Sequence[tuple[str, float]]
    parties: Sequence[str]
    children: Sequence[UUID]
    listed_only: bool

    def opened(self, receipt: Receipt) -> Detail:
        return Detail(
            self.row,
            tuple((v, _opened(self.keys, v, "name"), _opened(self.keys, v, "title")) for v in self.versions),
            tuple((c, _component_name(self.keys, c)) for c in self.components),
            tuple(self.fields),
            tuple(self.reasons),
            tuple(self.parties),
            tuple(self.children),
            self.listed_only,
            receipt,
        )


def _opening(
    row: Record,
    ordinal: int,
    digest: bytes | None,
    by: Principal,
    purpose: Purpose,
    basis: str,
    request: str | None,
    piece: str,
    size: int = 0,
) -> events.RecordOpened:
    said: dict[str, Any] = {
        "by": by.actor,
        "entity": row.entity,
        "request": request,
        "basis": basis,
        "record": row.id,
        "version": ordinal,
        "digest": digest,
        "purpose": purpose,
        "piece": piece,
    }
    if purpose == "download":
        return events.RecordDownloaded(**said, size_bytes=size)
    if (purpose, piece) == ("view", "detail"):
        return events.RecordViewed(**said)
    return _ACTIONS.get(purpose, events.RecordOpened)(**said)


_ACTIONS: Mapping[str, type[events.RecordOpened]] = {
    "preview": events.RecordPreviewed,
    "print": events.PrintViewRequested,
    "page_image": events.PageShown,
    "thumbnail": events.ThumbnailShown,
}
"""Seeing a list, a thumbnail, a page, opening, printing and downloading are different things to whoever asks later."""


def _file(
    kind: Literal["version", "component", "text"],
    row: RecordVersion | Component | derived.DerivedObject,
    ordinal: int,
    name: str,
    chunks: Iterator[bytes],
    page_count: int | None = None,
) -> PackedFile:
    return PackedFile(
        kind,
        ordinal,
        name,
        "text/plain" if isinstance(row, derived.DerivedObject) else row.media_type,
        row.sha256,
        row.made_at if isinstance(row, derived.DerivedObject) else row.added_at,
        row.role if isinstance(row, Component) else "",
        page_count,
        chunks,
    )


def _as_text(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield pages.text_of(b"".join(chunks)).encode()


def _ref(row: RecordVersion | Component | derived.DerivedObject) -> ObjectRef:
    return ObjectRef(row.object_key, row.object_version, row.sealed_bytes)


def _one_entity(rows: list[Record]) -> UUID | None:
    entities = {row.entity for row in rows}
    return entities.pop() if len(entities) == 1 else None


def _opened(keys: dict[UUID, DataKey], version: RecordVersion, part: Literal["name", "title"]) -> str:
    key = keys.get(version.id)
    if key is None:
        return ""
    return open_text(
        key, version.record, version.id, part, version.name_sealed if part == "name" else version.title_sealed
    )


def _component_name(keys: dict[UUID, DataKey], part: Component) -> str:
    key = keys.get(part.version)
    return open_text(key, part.record, part.version, f"component-name/{part.id.hex}", part.name_sealed) if key else ""
