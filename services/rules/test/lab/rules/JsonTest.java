package lab.rules;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** What the JSON reader takes and refuses, and that writing gives back what was read. */
final class JsonTest {
    private JsonTest() {}

    static void run() {
        valuesAreRead();
        textIsWrittenAsItWasRead();
        whatIsNotJsonIsRefused();
    }

    private static void valuesAreRead() {
        Check.equal(Map.of("a", List.of(1L, -2.5, true)), Json.parse(" {\"a\" : [1, -2.5, true]}\n"), "document");
        Check.equal(100.0, Json.parse("1e2"), "exponent makes a double");
        Check.equal(Long.MIN_VALUE, Json.parse("-9223372036854775808"), "smallest long");
        Check.equal("é\n\"\u20ac", Json.parse("\"é\\n\\\"\\u20aC\""), "escapes");
        Check.equal("\ud83d\ude00", Json.parse("\"\\ud83d\\ude00\""), "surrogate pair");
        Check.equal(Arrays.asList((Object) null), Json.parse("[null]"), "null");
    }

    private static void textIsWrittenAsItWasRead() {
        String text = "{\"text\":\"a\\\"\\\\\\u000aé\",\"list\":[1,0.1,-1.0E-7,null,false],\"empty\":[{},[]]}";
        Check.equal(text, Json.write(Json.parse(text)), "round trip");
        Check.failure(IllegalArgumentException.class, () -> Json.write(new Object()), "not a JSON value");
    }

    private static void whatIsNotJsonIsRefused() {
        String[] texts = {
            "", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "[1 2]", "1 2", "01", "+1", ".5", "1.", "1e", "NaN",
            "Infinity", "1e999", "9223372036854775808", "tru", "nulll", "'a'", "\"a", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
            "\"\\uff1\uff11\"", "\"\n\"", "{\"a\":1,\"a\":2}", "\u00a01", "[".repeat(33) + "]".repeat(33),
        };
        for (String text : texts) {
            Check.failure(Json.JsonException.class, () -> Json.parse(text), "<" + text + ">");
        }
        String message = Check.failure(Json.JsonException.class, () -> Json.parse("[1, x]"), "position");
        Check.equal("unexpected character at character 4", message, "message");
    }
}
