package lab.rules;

import java.util.Map;

/**
 * The rules of a world: where they are asked for, what they answer, and what of them its owners may change without a
 * release.
 *
 * @param <T> the thresholds, a value
 */
public interface RuleSet<T> {
    /** An answer, and how many of what was asked for each reason removed or decided: {"stock": 2}. */
    record Answer(Map<String, Object> document, Map<String, Integer> counts) {}

    /** The path that is asked, by POST. */
    String route();

    /** What is counted, in words. */
    String counted();

    T defaults();

    /** Reads thresholds; a key that is not there has its default. Messages of the exceptions name the key. */
    T parse(String text);

    /** Answers a body. Json.JsonException and JsonObject.FieldException say what is wrong with it. */
    Answer answer(String body, T thresholds);
}
