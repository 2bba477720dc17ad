package lab.rules.shop;

import java.util.Set;
import lab.rules.Json;
import lab.rules.JsonObject;

/**
 * What the shop's owners may change without a release.
 *
 * @param minStock items with fewer pieces are dropped; at least 0
 * @param marginWeight ranking value per unit of margin ratio; -1e6 to 1e6
 * @param maxPerCategory items of one category before others get their turn; at least 1
 */
record Thresholds(long minStock, double marginWeight, long maxPerCategory) {
    static final Thresholds DEFAULT = new Thresholds(1, 0.02, 3);

    Thresholds {
        require(minStock >= 0, "min_stock: expected at least 0, got " + minStock);
        require(Math.abs(marginWeight) <= 1e6, "margin_weight: expected -1e6 to 1e6, got " + marginWeight);
        require(maxPerCategory >= 1, "max_per_category: expected at least 1, got " + maxPerCategory);
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }

    /** Reads thresholds; a key that is not there has its default. Messages of the exceptions name the key. */
    static Thresholds parse(String text) {
        JsonObject object =
                JsonObject.of("", Json.parse(text), Set.of("min_stock", "margin_weight", "max_per_category"));
        return new Thresholds(
                object.has("min_stock") ? object.integer("min_stock", 0, Integer.MAX_VALUE) : DEFAULT.minStock(),
                object.has("margin_weight") ? object.number("margin_weight", -1e6, 1e6) : DEFAULT.marginWeight(),
                object.has("max_per_category")
                        ? object.integer("max_per_category", 1, Integer.MAX_VALUE)
                        : DEFAULT.maxPerCategory());
    }
}
