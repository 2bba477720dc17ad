package lab.rules.shop;

import lab.rules.Check;
import lab.rules.JsonObject;

/** What the shop's owners may set. */
public final class ThresholdsTest {
    private ThresholdsTest() {}

    public static void run() {
        Thresholds usual = Thresholds.DEFAULT;
        Check.equal(usual, Thresholds.parse("{}"), "empty object");
        Check.equal(
                new Thresholds(7, usual.marginWeight(), usual.maxPerCategory()),
                Thresholds.parse("{\"min_stock\": 7}"),
                "one key");
        String message = Check.failure(
                JsonObject.FieldException.class, () -> Thresholds.parse("{\"min_stock\": \"3\"}"), "wrong type");
        Check.equal("min_stock: expected an integer from 0 to 2147483647, got \"3\"", message, "message");
        Check.failure(JsonObject.FieldException.class, () -> Thresholds.parse("{\"minStock\": 3}"), "unknown key");
        Check.failure(JsonObject.FieldException.class, () -> Thresholds.parse("[]"), "not an object");
        Check.failure(IllegalArgumentException.class, () -> new Thresholds(1, Double.NaN, 1), "not a number");
    }
}
