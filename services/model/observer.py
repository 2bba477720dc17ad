"""What each Predict leaves behind: a log line, a span and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from lab.clock import NS
from services.common.telemetry import Span, Telemetry
from services.common.trace import server_span

from .errors import ServingError
from .metrics import Metrics


@dataclass(slots=True)
class Call:
    """A Predict under way; `version` is filled in once it is known."""

    version: int | None = None


class Observer:
    """Watches predictions; `metrics` holds their counts."""

    def __init__(self, log: Callable[..., None], telemetry: Telemetry) -> None:
        self.metrics = Metrics()
        self._log = log
        self._telemetry = telemetry

    @contextmanager
    def predict(
        self,
        entrypoint: str,
        model_name: str,
        headers: Mapping[str, str],
        describe: Callable[[str], tuple[str, Mapping[str, str | int]]],
    ) -> Iterator[Call]:
        """Watches one call; a ServingError passes through, anything else becomes one (INTERNAL).

        entrypoint: GRPC or REST. headers: by lower-case name, for traceparent and x-request-id. describe: the span's
        name and the protocol's attributes for a status code.
        """
        context = server_span(headers.get("traceparent"))
        call = Call()
        start_ns, started_s = time.time_ns(), time.perf_counter()
        failure: ServingError | None = None
        try:
            yield call
        except ServingError as error:
            failure = error
            raise
        except Exception as error:
            failure = ServingError("INTERNAL", f"{type(error).__name__}: {error}")
            raise failure from error
        finally:
            duration_s = time.perf_counter() - started_s
            status = failure.code if failure else "OK"
            self.metrics.record(model_name, "Predict", entrypoint, status, duration_s * 1e6)
            name, attributes = describe(status)
            version = {} if call.version is None else {"model.version": call.version}
            # What the client got wrong is no error of this server; a version that is not there is one.
            error_text = "" if status in ("OK", "INVALID_ARGUMENT") else str(failure)
            end_ns = start_ns + int(duration_s * NS)
            attributes = {**attributes, "model.name": model_name, **version}
            self._telemetry.span(Span(context, name, "server", start_ns, end_ns, attributes, error_text))
            self._log(
                "predict",
                level="ERROR" if failure else "INFO",
                trace_id=context.trace_id,
                span_id=context.span_id,
                request_id=headers.get("x-request-id", ""),
                model_name=model_name,
                version=call.version,
                status=status,
                duration_s=round(duration_s, 6),
                **({"error": str(failure)} if failure else {}),
            )
