package lab.rules;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import lab.rules.Responses.ApiException;

/** POST to the route of a rule set, by the thresholds in force. */
final class RulesHandler<T> implements HttpHandler {
    private static final int BODY_MAX_BYTES = 1 << 20;

    private final RuleSet<T> rules;
    private final RulesConfig<T> config;
    private final Metrics metrics;

    RulesHandler(RuleSet<T> rules, RulesConfig<T> config, Metrics metrics) {
        this.rules = rules;
        this.config = config;
        this.metrics = metrics;
    }

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        if (!exchange.getRequestURI().getPath().equals(rules.route())) {
            throw new ApiException(404, "No endpoint " + exchange.getRequestURI().getPath());
        }
        if (!exchange.getRequestMethod().equals("POST")) {
            exchange.getResponseHeaders().set("Allow", "POST");
            throw new ApiException(405, "Request method '" + exchange.getRequestMethod() + "' is not supported");
        }
        String type = exchange.getRequestHeaders().getFirst("Content-Type");
        if (type == null || !type.toLowerCase(java.util.Locale.ROOT).startsWith("application/json")) {
            throw new ApiException(415, "Content-Type '" + type + "' is not supported");
        }
        RuleSet.Answer answer = answer(read(exchange));
        metrics.counted(answer.counts());
        Responses.json(exchange, 200, answer.document());
    }

    private RuleSet.Answer answer(String body) {
        try {
            return rules.answer().apply(body, config.current());
        } catch (Json.JsonException e) {
            throw new ApiException(400, "JSON parse error: " + e.getMessage());
        } catch (JsonObject.FieldException e) {
            throw new ApiException(400, "Validation failed: " + e.getMessage());
        }
    }

    private static String read(HttpExchange exchange) throws IOException {
        byte[] bytes = exchange.getRequestBody().readNBytes(BODY_MAX_BYTES + 1);
        if (bytes.length > BODY_MAX_BYTES) {
            throw new ApiException(413, "Body longer than " + BODY_MAX_BYTES + " bytes");
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new ApiException(400, "JSON parse error: not UTF-8");
        }
    }
}
