package lab.rules.shop;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import lab.rules.Json;
import lab.rules.JsonObject;

/** What a caller asks: a user, scored items, and how many to show. */
record RulesRequest(double userAgeYears, List<Candidate> items, int limit) {
    static final int ITEMS_MAX = 1000;
    static final int LIMIT_MAX = 100;
    private static final double MAGNITUDE_MAX = 1e6;
    private static final Set<String> ITEM_FIELDS =
            Set.of("item_id", "score", "category", "stock_count", "min_age_years", "margin_ratio");

    /** Reads a body. Json.JsonException and JsonObject.FieldException say what is wrong with it. */
    static RulesRequest parse(String body) {
        JsonObject document = JsonObject.of("", Json.parse(body), Set.of("user", "items", "limit"));
        JsonObject user = JsonObject.of("user", document.value("user"), Set.of("age_years"));
        double ageYears = user.number("age_years", 0, MAGNITUDE_MAX);
        List<?> values = document.list("items");
        if (values.size() > ITEMS_MAX) {
            throw new JsonObject.FieldException("items: expected at most " + ITEMS_MAX + ", got " + values.size());
        }
        List<Candidate> items = new ArrayList<>(values.size());
        for (Object value : values) {
            items.add(candidate(JsonObject.of("items[" + items.size() + "]", value, ITEM_FIELDS)));
        }
        return new RulesRequest(ageYears, items, (int) document.integer("limit", 1, LIMIT_MAX));
    }

    private static Candidate candidate(JsonObject item) {
        return new Candidate(
                item.integer("item_id", 0, Long.MAX_VALUE),
                item.number("score", -MAGNITUDE_MAX, MAGNITUDE_MAX),
                item.integer("category", Integer.MIN_VALUE, Integer.MAX_VALUE),
                item.integer("stock_count", Integer.MIN_VALUE, Integer.MAX_VALUE),
                item.integer("min_age_years", 0, Integer.MAX_VALUE),
                item.number("margin_ratio", -MAGNITUDE_MAX, MAGNITUDE_MAX));
    }
}
