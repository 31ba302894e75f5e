"""Who can see a record, as its page tells somebody who works for several legal entities."""

from pathlib import Path

from accounts import departments, entities, grant_requests
from accounts.principal import Grant
from tests.support.app import Office


def test_a_department_is_named_once_also_to_somebody_of_two_firms(tmp_path: Path) -> None:
    firms = Office.open(tmp_path / "data")
    boss, admin, now = firms.principal("boss"), firms.principal("admin"), firms.runtime.clock.now()
    with firms.runtime.main.write() as session:
        new = entities.NewEntity(name="Societatea Exemplu", jurisdiction="RO", zone="Europe/Bucharest")
        second = entities.add(session, new, by=boss, at=now).id
        home = next(each.id for each in departments.of_entity(session, firms.entity) if each.kind == "accounting")
        place = departments.add(session, second, "Contabilitate", "accounting", by=boss, at=now).id
        wanted = Grant("staff", second, place)
        request = grant_requests.propose(session, firms.people["clerk"], wanted, by=boss, at=now).id
    with firms.runtime.main.write() as session:
        grant_requests.confirm(session, request, by=admin, at=now)
    made = firms.upload(b"Rechnung Nr. 17", "invoice.txt", **{"class": "supplier_invoice", "department": str(home)})
    firms.settle()
    page = firms.browser("clerk")[0].get(f"/records/{made['id']}").text
    told = page[page.index('id="s-access"') :]
    assert told[: told.index("</section>")].count("Everybody in ") == 1
    firms.close()
