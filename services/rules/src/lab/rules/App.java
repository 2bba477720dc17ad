package lab.rules;

import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import lab.rules.Responses.ApiException;
import lab.rules.decisions.PaymentRules;
import lab.rules.shop.ShopRules;

/**
 * The business-rules service, configured by the environment: WORLD (whose rules: shop, decisions), RULES_HOST (127.0.0.1), RULES_PORT (8080, 0: a free one),
 * RULES_WORKERS (8), RULES_CONFIG (a JSON file of thresholds; without it, the defaults), OTEL_SERVICE_NAME (rules),
 * OTEL_EXPORTER_OTLP_ENDPOINT (without it, no spans are exported). Exit code 2 when that is not usable.
 */
public final class App {
    private static final int BACKLOG = 512;
    private static final String COMPONENT = environment("OTEL_SERVICE_NAME", "rules");

    private App() {}

    public static void main(String[] args) throws IOException {
        // Read when the server's classes load. Without nodelay every answer waits 40 ms for Nagle; the idle limit must
        // outlive the clients' connection pools, or they meet closed connections.
        System.setProperty("sun.net.httpserver.nodelay", "true");
        System.setProperty("sun.net.httpserver.idleInterval", "300");
        try {
            start(ruleSet(environment("WORLD", "")), new JsonLog(System.out, COMPONENT));
        } catch (IllegalArgumentException e) {
            System.err.println("rules: " + e.getMessage());
            System.exit(2);
        }
    }

    private static RuleSet<?> ruleSet(String world) {
        return switch (world) {
            case "shop" -> ShopRules.RULES;
            case "decisions" -> PaymentRules.RULES;
            default -> throw new IllegalArgumentException("WORLD: expected shop or decisions, got '" + world + "'");
        };
    }

    private static <T> void start(RuleSet<T> ruleSet, JsonLog log) throws IOException {
        String file = environment("RULES_CONFIG", "");
        RulesConfig<T> config = new RulesConfig<>(
                ruleSet,
                file.isEmpty() ? null : Path.of(file),
                version -> log.info("thresholds reloaded", Map.of("rules_version", version)),
                message -> log.error(message, Map.of()));
        Metrics metrics = new Metrics(ruleSet.counted());
        SpanExporter exporter = new SpanExporter(environment("OTEL_EXPORTER_OTLP_ENDPOINT", ""), COMPONENT);
        ExecutorService workers = Executors.newFixedThreadPool(integer("RULES_WORKERS", 8));
        InetSocketAddress address =
                new InetSocketAddress(environment("RULES_HOST", "127.0.0.1"), integer("RULES_PORT", 8080));
        HttpServer server = HttpServer.create(address, BACKLOG);
        server.setExecutor(workers);
        HttpHandler rules = new RulesHandler<>(ruleSet, config, metrics);
        String route = ruleSet.route();
        server.createContext(route, new ObservedHandler(route, rules, metrics, exporter, log));
        server.createContext("/", new ObservedHandler("/", App::notFound, metrics, exporter, log));
        server.createContext("/healthz", exchange -> {
            try (exchange) {
                Responses.json(exchange, 200, Map.of("status", "ok"));
            }
        });
        server.createContext("/metrics", exchange -> {
            try (exchange) {
                Responses.send(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", metrics.render(exporter));
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server, workers, exporter)));
        server.start();
        log.info("ready", Map.of("port", server.getAddress().getPort()));
    }

    private static void notFound(com.sun.net.httpserver.HttpExchange exchange) {
        throw new ApiException(404, "No endpoint " + exchange.getRequestURI().getPath());
    }

    private static void stop(HttpServer server, ExecutorService workers, SpanExporter exporter) {
        server.stop(0);
        workers.shutdown();
        try {
            exporter.close();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static String environment(String name, String fallback) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? fallback : value;
    }

    private static int integer(String name, int fallback) {
        String value = environment(name, Integer.toString(fallback));
        try {
            return Integer.parseUnsignedInt(value);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + ": expected a whole number, got '" + value + "'", e);
        }
    }
}
