package lab.rules;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/** What the service counts, in Prometheus text format. */
final class Metrics {
    private static final double[] BOUNDS_S = {
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
    };

    private final Map<String, LongAdder> requests = new ConcurrentSkipListMap<>();
    private final Map<String, LongAdder> errors = new ConcurrentSkipListMap<>();
    private final Map<String, Histogram> durations = new ConcurrentSkipListMap<>();
    private final AtomicInteger active = new AtomicInteger();
    private final Map<String, LongAdder> counts = new ConcurrentSkipListMap<>();
    private final String counted;

    /** @param counted what `counted` counts, in words */
    Metrics(String counted) {
        this.counted = counted;
    }

    private static final class Histogram {
        private final LongAdder[] buckets = new LongAdder[BOUNDS_S.length + 1];
        private final LongAdder sumNanos = new LongAdder();

        Histogram() {
            for (int i = 0; i < buckets.length; i++) {
                buckets[i] = new LongAdder();
            }
        }

        void observe(long nanos) {
            int i = 0;
            while (i < BOUNDS_S.length && nanos / 1e9 > BOUNDS_S[i]) {
                i++;
            }
            buckets[i].increment();
            sumNanos.add(nanos);
        }
    }

    void requestStarted() {
        active.incrementAndGet();
    }

    void requestEnded(String route, int status, long nanos) {
        active.decrementAndGet();
        String labels = "route=\"" + route + "\"";
        requests.computeIfAbsent(labels + ",status=\"" + status + "\"", key -> new LongAdder()).increment();
        LongAdder errorCount = errors.computeIfAbsent(labels, key -> new LongAdder());
        if (status >= 400) {
            errorCount.increment();
        }
        durations.computeIfAbsent(labels, key -> new Histogram()).observe(nanos);
    }

    /** Adds to what is counted by reason. */
    void counted(Map<String, Integer> byReason) {
        byReason.forEach((reason, count) -> counts.computeIfAbsent(reason, key -> new LongAdder()).add(count));
    }

    /** The present values. */
    String render(SpanExporter exporter) {
        StringBuilder out = new StringBuilder(4096);
        family(out, "http_server_request_count", "counter", "Requests answered.");
        requests.forEach((labels, count) -> sample(out, "http_server_request_count", labels, count));
        family(out, "http_server_request_errors", "counter", "Requests answered with status 400 or above.");
        errors.forEach((labels, count) -> sample(out, "http_server_request_errors", labels, count));
        family(out, "http_server_request_duration_seconds", "histogram", "Time from request to answer.");
        durations.forEach((labels, histogram) -> render(out, labels, histogram));
        family(out, "http_server_active_requests", "gauge", "Requests being answered.");
        sample(out, "http_server_active_requests", "", active);
        family(out, "rules_count", "counter", counted);
        counts.forEach((reason, count) -> sample(out, "rules_count", "reason=\"" + reason + "\"", count));
        family(out, "otlp_spans_dropped", "counter", "Spans that could not be exported.");
        sample(out, "otlp_spans_dropped", "", exporter.droppedCount());
        family(out, "process_cpu_seconds_total", "counter", "CPU time used.");
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        sample(out, "process_cpu_seconds_total", "", system.getProcessCpuTime() / 1e9);
        return out.toString();
    }

    private static void render(StringBuilder out, String labels, Histogram histogram) {
        String name = "http_server_request_duration_seconds";
        long count = 0;
        for (int i = 0; i < histogram.buckets.length; i++) {
            count += histogram.buckets[i].sum();
            String bound = i < BOUNDS_S.length ? Double.toString(BOUNDS_S[i]) : "+Inf";
            sample(out, name + "_bucket", labels + ",le=\"" + bound + "\"", count);
        }
        sample(out, name + "_sum", labels, histogram.sumNanos.sum() / 1e9);
        sample(out, name + "_count", labels, count);
    }

    private static void family(StringBuilder out, String name, String type, String help) {
        out.append("# HELP ").append(name).append(' ').append(help).append('\n');
        out.append("# TYPE ").append(name).append(' ').append(type).append('\n');
    }

    private static void sample(StringBuilder out, String name, String labels, Number value) {
        out.append(name);
        if (!labels.isEmpty()) {
            out.append('{').append(labels).append('}');
        }
        out.append(' ').append(value).append('\n');
    }
}
