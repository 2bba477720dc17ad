package lab.rules;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A served request as a span. */
record Span(TraceContext context, String method, String route, String path, int status, long startNanos, long endNanos) {
    private static final int KIND_SERVER = 2;
    private static final int STATUS_UNSET = 0;
    private static final int STATUS_ERROR = 2;

    /** The span as OTLP's JSON has it: hex ids, integer enums, 64-bit integers as strings. */
    Map<String, Object> toOtlp() {
        Map<String, Object> span = new LinkedHashMap<>();
        span.put("traceId", context.traceId());
        span.put("spanId", context.spanId());
        if (!context.parentSpanId().isEmpty()) {
            span.put("parentSpanId", context.parentSpanId());
        }
        span.put("name", method + " " + route);
        span.put("kind", KIND_SERVER);
        span.put("startTimeUnixNano", Long.toString(startNanos));
        span.put("endTimeUnixNano", Long.toString(endNanos));
        span.put("attributes", List.of(
                attribute("http.request.method", "stringValue", method),
                attribute("http.route", "stringValue", route),
                attribute("url.path", "stringValue", path),
                attribute("http.response.status_code", "intValue", Integer.toString(status))));
        span.put("status", Map.of("code", status >= 500 ? STATUS_ERROR : STATUS_UNSET));
        return span;
    }

    static Map<String, Object> attribute(String key, String type, String value) {
        return Map.of("key", key, "value", Map.of(type, value));
    }
}
