package lab.rules.shop;

import lab.rules.Check;
import lab.rules.JsonObject;

/** What a request body must be; each message names the field, what was expected and what was seen. */
public final class RequestTest {
    private static final String ITEM =
            "{\"item_id\":17,\"score\":0.5,\"category\":3,\"stock_count\":4,\"min_age_years\":0,\"margin_ratio\":0.2}";

    private RequestTest() {}

    public static void run() {
        Check.equal(
                new Candidate(17, 0.5, 3, 4, 0, 0.2), RulesRequest.parse(body("34", ITEM, "5")).items().get(0), "item");
        refused(body("34", ITEM, "0"), "limit: expected an integer from 1 to 100, got 0");
        refused(body("34", ITEM, "true"), "limit: expected an integer from 1 to 100, got true");
        refused(body("\"34\"", ITEM, "5"), "user.age_years: expected a number from 0.0 to 1000000.0, got \"34\"");
        refused(body("null", ITEM, "5"), "user.age_years: expected a number from 0.0 to 1000000.0, got null");
        refused(body("34", "7", "5"), "items[0]: expected an object, got 7");
        refused(body("34", ITEM + "," + ITEM.replace("\"score\":0.5,", ""), "5"), "items[1].score: missing");
        refused(body("34", ITEM.replace("\"score\"", "\"price\":1,\"score\""), "5"), "items[0].price: unknown field");
        refused(
                body("34", ITEM.replace(":4,", ":4.0,"), "5"),
                "items[0].stock_count: expected an integer from -2147483648 to 2147483647, got 4.0");
        refused("{\"user\":{\"age_years\":3},\"items\":{},\"limit\":5}", "items: expected an array, got {}");
        refused("[]", "body: expected an object, got []");
        refused(body("34", (ITEM + ",").repeat(1000) + ITEM, "5"), "items: expected at most 1000, got 1001");
    }

    private static String body(String age, String items, String limit) {
        return "{\"user\":{\"age_years\":" + age + "},\"items\":[" + items + "],\"limit\":" + limit + "}";
    }

    private static void refused(String body, String message) {
        Check.equal(
                message, Check.failure(JsonObject.FieldException.class, () -> RulesRequest.parse(body), body), "message");
    }
}
