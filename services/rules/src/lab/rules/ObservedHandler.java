package lab.rules;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import lab.rules.Responses.ApiException;

/** Wraps a handler: its failures become error bodies; each request leaves a log line, metrics and a span. */
final class ObservedHandler implements HttpHandler {
    private static final String REQUEST_ID = "X-Request-Id";

    private final String route;
    private final HttpHandler inner;
    private final Metrics metrics;
    private final SpanExporter exporter;
    private final JsonLog log;

    ObservedHandler(String route, HttpHandler inner, Metrics metrics, SpanExporter exporter, JsonLog log) {
        this.route = route;
        this.inner = inner;
        this.metrics = metrics;
        this.exporter = exporter;
        this.log = log;
    }

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        long wallNanos = unixNanos();
        long startNanos = System.nanoTime();
        metrics.requestStarted();
        TraceContext context = TraceContext.serverSpan(exchange.getRequestHeaders().getFirst("traceparent"));
        String requestId = requestId(exchange.getRequestHeaders().getFirst(REQUEST_ID));
        exchange.getResponseHeaders().set(REQUEST_ID, requestId);
        exchange.getResponseHeaders().set("traceresponse", context.header());
        String error = null;
        try (exchange) {
            error = answer(exchange);
        } catch (IOException e) {
            error = "answer not sent: " + e.getMessage();
        } finally {
            int status = exchange.getResponseCode() < 0 ? 500 : exchange.getResponseCode();
            long nanos = System.nanoTime() - startNanos;
            metrics.requestEnded(route, status, nanos);
            String path = exchange.getRequestURI().getPath();
            exporter.export(
                    new Span(context, exchange.getRequestMethod(), route, path, status, wallNanos, wallNanos + nanos));
            writeLog(exchange, context, requestId, status, nanos, error);
        }
    }

    /** Lets the inner handler answer, or answers what went wrong; returns that. */
    private String answer(HttpExchange exchange) throws IOException {
        try {
            inner.handle(exchange);
            return null;
        } catch (ApiException e) {
            Responses.error(exchange, e.status, e.getMessage());
            return e.getMessage();
        } catch (RuntimeException e) {
            Responses.error(exchange, 500, "Internal error");
            return e.toString();
        }
    }

    private void writeLog(
            HttpExchange exchange, TraceContext context, String requestId, int status, long nanos, String error) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("trace_id", context.traceId());
        fields.put("span_id", context.spanId());
        fields.put("request_id", requestId);
        fields.put("method", exchange.getRequestMethod());
        fields.put("path", exchange.getRequestURI().getPath());
        fields.put("status", status);
        fields.put("duration_s", nanos / 1e9);
        if (error == null) {
            log.info("request", fields);
        } else {
            fields.put("error", error);
            log.error("request failed", fields);
        }
    }

    /** The caller's id when it is fit for a log, else a new one. */
    private static String requestId(String given) {
        return given != null && given.matches("[!-~]{1,128}") ? given : TraceContext.randomHex(2);
    }

    private static long unixNanos() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000L + now.getNano();
    }
}
