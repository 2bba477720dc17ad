package lab.rules;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import lab.rules.Responses.ApiException;

/** POST /v1/rules/apply: filters and re-ranks scored items. */
final class RulesHandler implements HttpHandler {
    static final String ROUTE = "/v1/rules/apply";
    private static final int BODY_MAX_BYTES = 1 << 20;

    private final RulesConfig config;
    private final Metrics metrics;

    RulesHandler(RulesConfig config, Metrics metrics) {
        this.config = config;
        this.metrics = metrics;
    }

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        if (!exchange.getRequestURI().getPath().equals(ROUTE)) {
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
        RulesRequest request = read(exchange);
        Thresholds thresholds = config.current();
        BusinessRules.Ranking ranking =
                BusinessRules.apply(request.userAgeYears(), request.items(), request.limit(), thresholds);
        metrics.itemsRemoved(ranking);

        Map<String, Object> removed = new LinkedHashMap<>();
        removed.put("stock", ranking.removedByStock());
        removed.put("age", ranking.removedByAge());
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("items", ranking.items());
        answer.put("removed", removed);
        answer.put("rules_version", thresholds.version());
        Responses.json(exchange, 200, answer);
    }

    private static RulesRequest read(HttpExchange exchange) throws IOException {
        byte[] bytes = exchange.getRequestBody().readNBytes(BODY_MAX_BYTES + 1);
        if (bytes.length > BODY_MAX_BYTES) {
            throw new ApiException(413, "Body longer than " + BODY_MAX_BYTES + " bytes");
        }
        try {
            return RulesRequest.parse(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
        } catch (CharacterCodingException e) {
            throw new ApiException(400, "JSON parse error: not UTF-8");
        } catch (Json.JsonException e) {
            throw new ApiException(400, "JSON parse error: " + e.getMessage());
        } catch (JsonObject.FieldException e) {
            throw new ApiException(400, "Validation failed: " + e.getMessage());
        }
    }
}
