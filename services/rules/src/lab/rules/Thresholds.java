package lab.rules;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * What the shop's owners may change without a release.
 *
 * @param minStock items with fewer pieces are dropped; at least 0
 * @param marginWeight ranking value per unit of margin ratio; -1e6 to 1e6
 * @param maxPerCategory items of one category before others get their turn; at least 1
 */
record Thresholds(long minStock, double marginWeight, long maxPerCategory) {
    static final Thresholds DEFAULT = new Thresholds(1, 0.02, 2);

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

    /** Names these values: equal thresholds have equal versions, whoever wrote them. */
    String version() {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(toString().getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 4);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
