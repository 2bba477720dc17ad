package lab.rules.decisions;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import lab.rules.Json;
import lab.rules.JsonObject;

/**
 * What the bank may change without a release.
 *
 * @param reviewMicro payments with a score above are reviewed; millionths, at most declineMicro
 * @param declineMicro payments with a score above are declined; millionths, 0 to 1,000,000
 * @param blocked merchants whose payments are declined
 */
record Thresholds(long reviewMicro, long declineMicro, Set<Long> blocked) {
    static final long MICRO = 1_000_000;
    static final Thresholds DEFAULT = new Thresholds(80_000, 400_000, Set.of());

    Thresholds {
        if (reviewMicro < 0 || reviewMicro > declineMicro || declineMicro > MICRO) {
            throw new IllegalArgumentException(
                    "expected 0 <= review_micro <= decline_micro <= " + MICRO + ", got " + reviewMicro + ", " + declineMicro);
        }
        blocked = java.util.Collections.unmodifiableSortedSet(new TreeSet<>(blocked)); // in order: it is part of the version
    }

    /** Reads thresholds; a key that is not there has its default. Messages of the exceptions name the key. */
    static Thresholds parse(String text) {
        JsonObject object = JsonObject.of("", Json.parse(text), Set.of("review_micro", "decline_micro", "blocked"));
        return new Thresholds(
                object.has("review_micro") ? object.integer("review_micro", 0, MICRO) : DEFAULT.reviewMicro(),
                object.has("decline_micro") ? object.integer("decline_micro", 0, MICRO) : DEFAULT.declineMicro(),
                object.has("blocked") ? merchants(object.list("blocked")) : DEFAULT.blocked());
    }

    private static Set<Long> merchants(List<?> values) {
        Set<Long> found = new HashSet<>();
        for (Object value : values) {
            if (!(value instanceof Long merchant) || merchant < 0) {
                throw new JsonObject.FieldException(
                        "blocked[" + found.size() + "]: expected an integer from 0, got " + Json.write(value));
            }
            found.add(merchant);
        }
        return found;
    }
}
