package lab.rules;

/** Which traceparent headers are continued, and which start a new trace. */
final class TraceContextTest {
    private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";
    private static final String SPAN = "b7ad6b7169203331";

    private TraceContextTest() {}

    static void run() {
        TraceContext context = TraceContext.serverSpan("00-" + TRACE + "-" + SPAN + "-01");
        Check.equal(TRACE, context.traceId(), "trace goes on");
        Check.equal(SPAN, context.parentSpanId(), "below the caller's span");
        Check.that(context.spanId().matches("[0-9a-f]{16}") && !context.spanId().equals(SPAN), "with a span of its own");
        Check.equal("00-" + TRACE + "-" + context.spanId() + "-01", context.header(), "header");
        Check.that(!TraceContext.serverSpan("00-" + TRACE + "-" + SPAN + "-00").sampled(), "not sampled");
        Check.equal(TRACE, TraceContext.serverSpan("01-" + TRACE + "-" + SPAN + "-01-more").traceId(), "later version");

        String[] invalid = {
            null,
            "",
            "00-" + TRACE + "-" + SPAN,
            "00-" + TRACE.toUpperCase(java.util.Locale.ROOT) + "-" + SPAN + "-01",
            "00-" + "0".repeat(32) + "-" + SPAN + "-01",
            "00-" + TRACE + "-" + "0".repeat(16) + "-01",
            "00-" + TRACE + "-" + SPAN + "-01-more",
            "ff-" + TRACE + "-" + SPAN + "-01",
        };
        for (String header : invalid) {
            TraceContext fresh = TraceContext.serverSpan(header);
            Check.that(fresh.sampled() && fresh.parentSpanId().isEmpty(), "new trace for " + header);
            Check.that(fresh.traceId().matches("[0-9a-f]{32}") && !fresh.traceId().equals(TRACE), "new id for " + header);
        }
    }
}
