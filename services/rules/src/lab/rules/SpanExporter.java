package lab.rules;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/** Sends spans to a collector (OTLP over HTTP, JSON) in the background. Requests never wait: what is too much is dropped. */
final class SpanExporter {
    private static final int QUEUE_MAX = 4096;
    private static final int BATCH_MAX = 512;
    private static final Duration BATCH_WAIT = Duration.ofMillis(500);
    private static final Duration TIMEOUT = Duration.ofSeconds(3);

    private final String serviceName;
    private final URI tracesUri;
    private final BlockingQueue<Span> queue = new ArrayBlockingQueue<>(QUEUE_MAX);
    private final LongAdder dropped = new LongAdder();
    private final HttpClient client;
    private final Thread worker = new Thread(this::run, "span-exporter");
    private volatile boolean running = true;

    /** @param endpoint the collector's base URL; null or empty: spans go nowhere */
    SpanExporter(String endpoint, String serviceName) {
        this.serviceName = serviceName;
        boolean isSet = endpoint != null && !endpoint.isEmpty();
        tracesUri = isSet ? URI.create(endpoint.replaceAll("/+$", "") + "/v1/traces") : null;
        client = isSet
                ? HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(TIMEOUT).build()
                : null;
        if (isSet) {
            worker.setDaemon(true);
            worker.start();
        }
    }

    void export(Span span) {
        if (tracesUri != null && span.context().sampled() && !queue.offer(span)) {
            dropped.increment();
        }
    }

    long droppedCount() {
        return dropped.sum();
    }

    /** Sends what is left, for a few seconds at most. */
    void close() throws InterruptedException {
        running = false;
        worker.interrupt();
        worker.join(TIMEOUT.toMillis());
    }

    private void run() {
        while (running) {
            try {
                Span first = queue.poll(1, TimeUnit.SECONDS);
                if (first != null) {
                    Thread.sleep(BATCH_WAIT.toMillis());
                    send(drain(first));
                }
            } catch (InterruptedException e) {
                break;
            }
        }
        try {
            while (!queue.isEmpty()) {
                send(drain(queue.remove()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private List<Object> drain(Span first) {
        List<Span> batch = new ArrayList<>(List.of(first));
        queue.drainTo(batch, BATCH_MAX - 1);
        return new ArrayList<>(batch.stream().map(Span::toOtlp).toList());
    }

    private void send(List<Object> spans) throws InterruptedException {
        Object service = Span.attribute("service.name", "stringValue", serviceName);
        Object scope = Map.of("scope", Map.of("name", "lab.rules"), "spans", spans);
        Object resource = Map.of("resource", Map.of("attributes", List.of(service)), "scopeSpans", List.of(scope));
        HttpRequest request = HttpRequest.newBuilder(tracesUri)
                .timeout(TIMEOUT)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(Json.write(Map.of("resourceSpans", List.of(resource)))))
                .build();
        try {
            int status = client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
            if (status != 200) {
                dropped.add(spans.size());
            }
        } catch (IOException e) {
            dropped.add(spans.size());
        }
    }
}
