package lab.rules;

import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * The rules of a world.
 *
 * @param <T> the thresholds, a value: what its owners may change without a release
 * @param route the path that is asked, by POST
 * @param counted what is counted, in words
 * @param defaults thresholds where no file has any
 * @param parse reads thresholds; a key that is not there has its default; messages of the exceptions name the key
 * @param answer answers a body; Json.JsonException and JsonObject.FieldException say what is wrong with it
 */
public record RuleSet<T>(
        String route, String counted, T defaults, Function<String, T> parse, BiFunction<String, T, Answer> answer) {
    /** An answer, and how many of what was asked for each reason removed or decided: {"stock": 2}. */
    public record Answer(Map<String, Object> document, Map<String, Integer> counts) {}
}
