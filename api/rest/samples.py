"""Samples for an audit: records of a class and a year, drawn by a seed that anybody can draw by again."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api.deps import AuditReader, RequestId, Run
from api.rest.parameters import PREFIX, View
from api.rest.trail import Code, oversight_of
from api.routing import Router
from records import sample

router = Router(prefix=PREFIX, tags=["audit"])


class DrawnView(View):
    """A record that was drawn."""

    id: UUID
    number: str
    class_: str | None = Field(alias="class")


class SampleView(View):
    """A sample, and what it was drawn from."""

    seed: str
    population: int
    population_digest: str = Field(description="SHA-256 over the sorted ids of all records there were to be drawn.")
    items: list[DrawnView] = Field(description="In the order of the draw.")


@router.get("/audit/sample")
def read_sample(
    run: Run,
    by: AuditReader,
    request_id: RequestId,
    entity: UUID,
    class_: Annotated[Code, Query(alias="class", min_length=1)],
    year: Annotated[int, Query(ge=1900, le=2200)],
    count: Annotated[int, Query(ge=1, le=sample.MOST)],
    seed: Annotated[str, Query(max_length=64, pattern=r"^[0-9A-Za-z]*$", description="Default: a new one.")] = "",
) -> SampleView:
    """Records of a class and a year, drawn by a seed: the same seed and the same records draw the same ones."""
    found = oversight_of(run).sample(entity, class_, year, count, seed or sample.new_seed(), by=by, request=request_id)
    return SampleView(
        seed=found.seed,
        population=found.population,
        population_digest=found.population_digest.hex(),
        items=[
            DrawnView.model_validate({"id": row.id, "number": row.number, "class": row.record_class})
            for row in found.drawn
        ],
    )
