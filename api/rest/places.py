"""Where things are filed: record classes, legal entities, departments."""

from uuid import UUID

from pydantic import Field

from accounts import departments, entities
from api.deps import ReadSession, SignedIn
from api.rest.parameters import PREFIX, View
from api.routing import Router
from records import file_plan
from records.file_plan import FilePlan

router = Router(prefix=PREFIX, tags=["places"])


class ClassView(View):
    """A record class, with the classes below it."""

    code: str
    title: str
    description: str
    sensitivity: str
    direction: str | None
    group: bool = Field(description="A heading: records are filed in the classes below it.")
    classes: list["ClassView"]


class FilePlanView(View):
    """The file plan as a tree."""

    items: list[ClassView]


class EntityView(View):
    """A legal entity."""

    id: UUID
    name: str
    jurisdiction: str
    time_zone: str
    controller: str


class Entities(View):
    """The legal entities in which you have a role."""

    items: list[EntityView]


class DepartmentView(View):
    """A department of a legal entity."""

    id: UUID
    entity: UUID
    name: str
    kind: str


class Departments(View):
    """The departments of your legal entities."""

    items: list[DepartmentView]


@router.get("/record-classes")
def read_classes(by: SignedIn) -> FilePlanView:
    """The file plan: kinds of records, from the general to the particular."""
    return FilePlanView(items=_below(file_plan.load(), None))


@router.get("/entities")
def read_entities(session: ReadSession, by: SignedIn) -> Entities:
    """The legal entities in which you have a role; all of them for who looks after them."""
    return Entities(
        items=[
            EntityView(
                id=row.id,
                name=row.name,
                jurisdiction=row.jurisdiction,
                time_zone=row.zone,
                controller=row.controller,
            )
            for row in entities.everything(session)
            if row.id in by.entities or by.may("entity.manage", entity=row.id)
        ]
    )


@router.get("/departments")
def read_departments(session: ReadSession, by: SignedIn, entity: UUID | None = None) -> Departments:
    """The departments of your legal entities, or of one of them."""
    rows = [
        row
        for place in entities.everything(session)
        if (entity in (None, place.id)) and (place.id in by.entities or by.may("entity.manage", entity=place.id))
        for row in departments.of_entity(session, place.id)
    ]
    return Departments(
        items=[DepartmentView(id=row.id, entity=row.entity, name=row.name, kind=row.kind) for row in rows]
    )


def _below(plan: FilePlan, parent: str | None) -> list[ClassView]:
    return [
        ClassView(
            code=found.code,
            title=found.title,
            description=found.description,
            sensitivity=found.sensitivity,
            direction=found.direction,
            group=found.group,
            classes=_below(plan, found.code),
        )
        for found in map(plan.get, plan.children(parent))
    ]
