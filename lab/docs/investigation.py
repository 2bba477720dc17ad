"""The page of the investigation API, its endpoints from the routes themselves."""

from __future__ import annotations

from collections.abc import Iterator

from lab.docs.markdown import NOTE, table

_TEXT = """\
What can be known of an incident up to the clock of a session, and what can be done about it: one HTTP API for the
training pages, for scripts and for [agents](agents.md). `lab train` serves it; `/api/openapi.json` there is its
OpenAPI document, with every field of every body.

## Who asks
`lab train` prints a link with a token; with `--group` one for participants, who get a token of their own when they
give a name (`POST /api/v1/participants`), and one for the instructor. Scripts send `Authorization: Bearer TOKEN`. A
browser that opens the link gets a cookie; then each change needs the header `X-CSRF-Token` with the value that `GET
/api/v1/me` tells.

## A session
```sh
API=http://127.0.0.1:8765/api/v1; AUTH="Authorization: Bearer $TOKEN"; JSON="Content-Type: application/json"
curl -s -H "$AUTH" $API/exercises
curl -s -H "$AUTH" -H "$JSON" -d '{"exercise": "on-call-1"}' $API/sessions                # {"id": "…"}
curl -s -H "$AUTH" $API/sessions/ID                                                       # until its status is ready
curl -s -H "$AUTH" -H "$JSON" -d '{"jump": "next-alert"}' $API/sessions/ID/clock
curl -s -H "$AUTH" "$API/sessions/ID/series?of=client_error_ratio:CALLER->CALLEE"
curl -s -H "$AUTH" -H "$JSON" -d '{"verdict": "fault", "findings": [{"culprit": "ELEMENT", "kind": "slow-query",
  "onset_s": 240, "confidence": 0.8, "evidence": [{"signal": "server_duration_p50_s", "subject": "ELEMENT"}]}]}' \\
  $API/sessions/ID/submit
curl -s -H "$AUTH" $API/sessions/ID/debrief                                               # once its status is released
```
Times are scenario seconds since the load began. A session begins paused when the participant is called (`called_at`
of the exercise), else at a twentieth of the incident, at 60 s (or the first scrape, where that is later) at the
latest: neither tells anything. Its clock runs at a speed, pauses, or jumps (`tick`: to the next scrape, `period`: to
the next period of the system's calendar), and never goes back. What is seen is what was visible at the last scrape
(`as_of_s`): a span at its end, a label when it is ripe, a version when it is published. Every answer comes from the
one function that cuts a recording ([recording](recording.md)).

| `status` | what it means |
|---|---|
| `preparing` | the incident is simulated, in a process of its own; `progress` tells how far it is |
| `ready` | one can look, act and answer |
| `acting` | the incident is simulated again with what was done |
| `answered` | the answer is judged, or waits for the instructor to release the debrief |
| `released` | the debrief can be read |
| `failed` | something went wrong: `problem` tells what, the server's output why; `POST …/retry` tries again |

An **action** takes people minutes: the clock moves on by its `cost_s`, and there it takes effect. Up to then the
incident is what it was, byte for byte; what comes after is what would have happened. What can be done does not depend
on the incident ([remedies](remedies.md)).

An **answer** is a diagnosis as engines give it. `boundary` may be left out (it is that of the kind), and so may the
levels of evidence (they are looked up before and after the onset). It is kept with the recording as an engine's is,
so `lab grade` gives the same grades.

## Errors
`{"problem": {"what", "seen", "expected", "hint"}}` with 400 for a body that is no JSON, 401 without a token, 403
before the debrief or without the CSRF token, 404 for what is not there or not one's own, 409 for what cannot be done
as the session stands, 413 and 414 for what is too long (64 KB), 421 for another host, 422 for what is not as
described, also for a query parameter that an endpoint does not know (`expected` lists those that it knows), 429 for
more than 50 requests a second.

## Endpoints
"""


def investigation_page() -> Iterator[str]:
    """The page, with a table of the endpoints of each group."""
    from fastapi.routing import APIRoute

    from lab.api.app import PARTS, PREFIX

    yield from (NOTE, "# The investigation API", "")
    yield from _TEXT.splitlines()
    yield f"All below `{PREFIX}`."
    yield ""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for part in PARTS:
        for route in part.routes:
            if isinstance(route, APIRoute):
                method = "/".join(sorted(route.methods or ()))
                row = (f"`{method} {route.path}`", f"`{route.operation_id}`", " ".join(route.description.split()))
                groups.setdefault(str(route.tags[0]), []).append(row)
    for group, rows in groups.items():
        yield from (f"### {group.capitalize()}", "")
        yield from table(("request", "operation", "what it does"), rows)
