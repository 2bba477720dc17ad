"""A server of the Model Context Protocol on stdin and stdout, for one session of an exercise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab import __version__
from lab.errors import UserError, nearest
from lab.mcp.calling import JUDGING, SESSIONS, Answer, Api
from lab.mcp.tools import Request, Tool, tools

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

OPENAPI = "/api/openapi.json"
SUBMIT, POLL = "/submit", ""
INSTRUCTIONS = """\
You are on call. An incident was recorded in a distributed system, and you find its root cause. What you see ends at the
session's clock, which stands still until you move it: with its tool, start it, let it jump to the next alert, or to the
end. Look at alerts, changes, the system, signals, traces, logs and tables; compare before and during. You may try
remedies, which take minutes on the clock, and take hints, which cost points. Then submit a diagnosis, once: the verdict
(fault, healthy or unsure), and for a fault the culprit (a component, or a link such as a->b), boundary, kind, onset (in
seconds, or a period or date of the system's calendar), confidence and evidence. The vocabulary lists boundaries and
kinds. The answer to it is your grade.

The brief: """


async def server(api: Api, session: str) -> Server[Any]:
    """The server, with a tool for each operation of the API on this session. UserError where the API refuses."""
    import mcp_types as types
    from mcp.server.lowlevel import Server

    openapi = await api.get(OPENAPI)
    found = {tool.name: tool for tool in tools(openapi.document, session)}
    about = await api.document(Request("GET", f"{SESSIONS}/{session}"))

    async def list_tools(_: Any, __: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in found.values()])

    async def call_tool(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = found.get(params.name)
        if tool is None:
            return _result(f"there is no tool {params.name!r}; there are: {', '.join(found)}", failed=True)
        arguments = params.arguments or {}
        if unknown := sorted(arguments.keys() - tool.schema["properties"].keys()):
            hint = nearest(unknown[0], tool.schema["properties"]) or "it takes none"
            return _result(f"{tool.name} takes no argument {unknown[0]!r}; {hint}", failed=True)
        try:
            answer = await called(api, session, tool, arguments)
        except UserError as error:
            return _result(str(error), failed=True)
        return _result(answer.text, failed=answer.failed)

    return Server(
        "chaos-lab",
        version=__version__,
        title="Chaos lab: an incident to solve",
        instructions=INSTRUCTIONS + str(about["exercise"]["brief"]),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def called(api: Api, session: str, tool: Tool, arguments: Mapping[str, Any]) -> Answer:
    """The answer to a call, when the session's recording is there. Whoever submits is told the grade, if it may be."""
    base = f"{SESSIONS}/{session}"
    if tool.path.startswith(base) and tool.path != base + POLL:
        await api.ready(session)
    answer = await api.send(tool.request(arguments))
    if answer.failed or tool.path != base + SUBMIT:
        return answer
    if (await api.document(Request("GET", "/api/v1/me")))["group"]:
        return answer  # the instructor says when it is told
    await api.ready(session, {JUDGING})
    debrief = await api.get(f"{base}/debrief")
    return debrief if debrief.failed else Answer(answer.status, json.dumps(graded(debrief.document)))


def graded(debrief: Mapping[str, Any]) -> dict[str, Any]:
    """Of a debrief what an agent is told at once: its grades and score; the whole has a tool of its own."""
    own: Mapping[str, Any] = next((one for one in debrief["answers"] if one["who"] == "you"), {})
    told = {key: own.get(key) for key in ("verdict", "outcome", "grades")}
    return told | {key: debrief[key] for key in ("score", "truth") if key in debrief}


def _described(tool: Tool) -> Any:
    import mcp_types as types

    reads = tool.method == "get"
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=dict(tool.schema),
        annotations=types.ToolAnnotations(
            read_only_hint=reads, destructive_hint=tool.method == "delete", idempotent_hint=reads, open_world_hint=False
        ),
    )


def _result(text: str, *, failed: bool) -> Any:
    import mcp_types as types

    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=failed)


async def serve(api: Api, exercise: str) -> None:
    """Begins a session on an exercise, and serves it on stdin and stdout until the client ends it."""
    from mcp.server.stdio import stdio_server

    # What the processes that simulate print must not come between: they begin when stdout is another one.
    async with stdio_server() as (read, write):
        made = await server(api, await api.begin(exercise))
        await made.run(read, write, made.create_initialization_options())
