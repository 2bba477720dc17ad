"""More of what could be observed by a session's clock: raw metrics, tables and distributions, jobs, versions."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from lab.api import explored
from lab.api.asking import Name, Seen, Time, Trainings
from lab.investigation.queries import distributions, metrics, operations, tables

router = APIRouter(prefix="/sessions/{session}", tags=["telemetry"])

Table = Annotated[str, Path(max_length=60, description="a name from the list of tables")]


@router.get("/metrics", operation_id="list_metrics")
def list_metrics(seen: Seen) -> explored.Metrics:
    """The raw metrics that there are by now, each with its unit, its meaning and its series."""
    return explored.Metrics.model_validate({"as_of_s": seen.at_s, "metrics": metrics.catalogue(seen.view, seen.at_s)})


@router.get("/metric-series", operation_id="get_metric_series")
def get_metric_series(
    seen: Seen,
    training: Trainings,
    of: Annotated[
        list[Name], Query(max_length=metrics.MOST_SERIES, description="METRIC|COMPONENT|PEER|ATTRIBUTE, up to 12")
    ],
    since_s: Time | None = None,
    until_s: Time | None = None,
) -> explored.MetricSeriesList:
    """Raw metrics over time, up to now."""
    found = metrics.series(seen.view, seen.at_s, of, since_s, until_s)
    for name in of:
        training.looking.note(seen.session, "metric", name, seen.at_s)
    return explored.MetricSeriesList.model_validate({"as_of_s": seen.at_s, "series": found})


@router.get("/tables", operation_id="list_tables")
def list_tables(seen: Seen) -> list[explored.TableAnswer]:
    """Tables of what the system served (features, predictions…), with their columns."""
    return [explored.TableAnswer.model_validate(one) for one in tables.tables(seen.view, seen.at_s)]


@router.get("/tables/{table}/rows", operation_id="find_rows")
def find_rows(
    table: Table,
    seen: Seen,
    training: Trainings,
    where: Annotated[
        list[Name], Query(max_length=tables.MOST_FILTERS, description="COLUMN:VALUE, all of which hold; null for none")
    ] = [],  # noqa: B006  # FastAPI copies it
    since_s: Time | None = None,
    until_s: Time | None = None,
    order: Literal["latest", "first"] = "latest",
    limit: Annotated[int, Query(ge=1, le=tables.MOST_ROWS)] = 50,
) -> explored.Rows:
    """Rows of a table, by conditions on their columns."""
    found, more = tables.rows(
        seen.view, seen.at_s, table, where, since_s=since_s, until_s=until_s, order=order, limit=limit
    )
    training.looking.note(seen.session, "table", table, seen.at_s)
    return explored.Rows(as_of_s=seen.at_s, rows=found, more=more)


@router.get("/tables/{table}/columns/{column}/distribution", operation_id="get_distribution")
def get_distribution(
    table: Table,
    column: Annotated[str, Path(max_length=100)],
    seen: Seen,
    training: Trainings,
    since_s: Time | None = None,
    until_s: Time | None = None,
    before_since_s: Time | None = None,
    before_until_s: Time | None = None,
    by: Annotated[Name | None, Query(description="a column by whose values what is now is split")] = None,
) -> explored.Distribution:
    """How a column's values are distributed now, before, and in the training sample; PSI and KS say how far apart."""
    windows = distributions.Windows(
        since_s=since_s, until_s=until_s, before_since_s=before_since_s, before_until_s=before_until_s
    )
    found = distributions.distribution(seen.view, seen.at_s, table, column, windows, by)
    training.looking.note(seen.session, "table", f"{table}.{column}", seen.at_s)
    for name in distributions.shows(seen.view, seen.at_s, column):
        training.looking.note(seen.session, "signal", name, seen.at_s)
    return explored.Distribution.model_validate({"as_of_s": seen.at_s, **found})


@router.get("/jobs", operation_id="list_jobs")
def list_jobs(seen: Seen, training: Trainings) -> list[explored.JobAnswer]:
    """Jobs: how often they run, their last runs, and how long ago each last succeeded."""
    training.looking.note(seen.session, "jobs", "", seen.at_s)
    return [explored.JobAnswer.model_validate(one) for one in operations.jobs(seen.view, seen.at_s)]


@router.get("/versions", operation_id="list_versions")
def list_versions(seen: Seen, training: Trainings) -> explored.Versions:
    """Versions that were published and served, and what logs and the change log say of them."""
    training.looking.note(seen.session, "versions", "", seen.at_s)
    return explored.Versions.model_validate({"as_of_s": seen.at_s, **operations.versions(seen.view, seen.at_s)})


@router.get("/reference", operation_id="list_references")
def list_references(seen: Seen) -> list[explored.ReferenceName]:
    """Files that the team has at hand: contracts of data, registries, samples."""
    return [explored.ReferenceName.model_validate(one) for one in operations.references(seen.view)]


@router.get("/reference/{name}", operation_id="get_reference")
def get_reference(name: Annotated[str, Path(max_length=100)], seen: Seen, training: Trainings) -> explored.Reference:
    """One of these files, as it was by now."""
    found = operations.reference(seen.view, seen.at_s, name)
    training.looking.note(seen.session, "reference", name, seen.at_s)
    return explored.Reference.model_validate({"as_of_s": seen.at_s, **found})
