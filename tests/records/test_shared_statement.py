"""People who read alike share one prepared statement, and nothing that is theirs alone."""

from datetime import timedelta

from accounts.principal import Principal
from core.identifiers import new_id
from records import access
from records.access import Terms
from records.case_file import CaseFileAccess
from tests.support.archive import Archive


def test_colleagues_share_the_statement_and_neither_reads_what_only_the_other_may(fresh: Archive) -> None:
    fresh.add_person("colleague", fresh.grant("staff", "accounting"))
    fresh.add_person("neighbour", fresh.grant("staff", "accounting"))
    colleague, neighbour = fresh.principal("colleague"), fresh.principal("neighbour")
    about = fresh.open_file(number="about", about_person=colleague.id)
    with fresh.runtime.main.write() as session:
        sets = {
            name: access.access_set_for(session, terms)
            for name, terms in {
                "uploaded by the colleague": _terms(fresh, uploader="colleague"),
                "uploaded by the neighbour": _terms(fresh, uploader="neighbour"),
                "in the file about the colleague": _terms(fresh, record_class="letter", case_file=about),
                "a letter": _terms(fresh, record_class="letter"),
            }.items()
        }

    def reads(by: Principal) -> set[str]:
        with fresh.runtime.main.read() as session:
            seen = access.readable_set_ids(session, by, fresh.now)
        return {name for name, number in sets.items() if number in seen}

    with fresh.runtime.main.read() as reading:
        theirs = [access.sets_read_by(access.readable(reading, by, fresh.now).readers) for by in (colleague, neighbour)]
    assert theirs[0] is theirs[1]
    assert reads(colleague) == {"uploaded by the colleague", "a letter"}
    assert reads(neighbour) == {"uploaded by the neighbour", "in the file about the colleague", "a letter"}


def test_a_shared_statement_asks_for_the_access_list_at_each_run(fresh: Archive) -> None:
    fresh.add_person("colleague", fresh.grant("staff", "accounting"))
    by = fresh.principal("colleague")
    file = fresh.open_file(number="listed", listed_only=True)
    with fresh.runtime.main.write() as session:
        number = access.access_set_for(session, _terms(fresh, record_class="letter", case_file=file))
        session.add(
            CaseFileAccess(
                id=new_id(),
                case_file=file,
                person=by.person,
                section=None,
                valid_from=fresh.now + timedelta(hours=1),
                valid_to=fresh.now + timedelta(hours=2),
                granted_by=fresh.people["clerk"],
            )
        )
    with fresh.runtime.main.read() as session:
        seen = [
            number in access.readable_set_ids(session, by, fresh.now + timedelta(minutes=minutes))
            for minutes in (0, 90, 150)
        ]
    assert seen == [False, True, False]


def _terms(archive: Archive, *, uploader: str | None = None, **stated: object) -> Terms:
    values: dict[str, object] = {"record_class": None, "case_file": None, "section": None} | stated
    return Terms(
        entity=archive.entity,
        department=archive.departments["accounting"],
        confirmed=uploader is None,
        uploader=archive.people[uploader] if uploader else None,
        **values,  # type: ignore[arg-type]
    )
