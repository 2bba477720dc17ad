package lab.rules;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The thresholds in a JSON file, read again when the file has changed. A file that cannot be used is reported once and
 * the last good thresholds stay in force.
 */
final class RulesConfig {
    private static final Duration CHECK_INTERVAL = Duration.ofMillis(200);

    private final Path file;
    private final Consumer<String> onChange;
    private final Consumer<String> onError;
    private Thresholds thresholds = Thresholds.DEFAULT;
    private String seen = "";
    private long nextCheckNanos;

    /** @param file null: the defaults, for good. IllegalArgumentException when there is a file and it is not usable. */
    RulesConfig(Path file, Consumer<String> onChange, Consumer<String> onError) {
        this.file = file;
        this.onChange = onChange;
        this.onError = onError;
        if (file != null) {
            try {
                seen = fingerprint();
                thresholds = read();
            } catch (IOException | RuntimeException e) {
                throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
            }
        }
        nextCheckNanos = System.nanoTime() + CHECK_INTERVAL.toNanos();
    }

    /** The thresholds in force; looks at the file at most every 200 ms. */
    synchronized Thresholds current() {
        if (file != null && System.nanoTime() - nextCheckNanos >= 0) {
            nextCheckNanos = System.nanoTime() + CHECK_INTERVAL.toNanos();
            reloadIfChanged();
        }
        return thresholds;
    }

    private void reloadIfChanged() {
        String now = null;
        try {
            now = fingerprint();
            if (now.equals(seen)) {
                return;
            }
            Thresholds read = read();
            if (!read.equals(thresholds)) {
                thresholds = read;
                onChange.accept(read.version());
            }
        } catch (IOException | RuntimeException e) {
            if (now != null || !seen.isEmpty()) {
                onError.accept("thresholds not reloaded: " + e.getMessage());
            }
        }
        seen = now == null ? "" : now;
    }

    /** Changes when the file is written or replaced. */
    private String fingerprint() throws IOException {
        BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
        return attributes.lastModifiedTime() + "/" + attributes.size() + "/" + attributes.fileKey();
    }

    private Thresholds read() throws IOException {
        return parse(Files.readString(file));
    }

    /** Reads thresholds; a key that is not there has its default. Messages of the exceptions name the key. */
    static Thresholds parse(String text) {
        Thresholds base = Thresholds.DEFAULT;
        JsonObject object =
                JsonObject.of("", Json.parse(text), Set.of("min_stock", "margin_weight", "max_per_category"));
        return new Thresholds(
                object.has("min_stock") ? object.integer("min_stock", 0, Integer.MAX_VALUE) : base.minStock(),
                object.has("margin_weight") ? object.number("margin_weight", -1e6, 1e6) : base.marginWeight(),
                object.has("max_per_category")
                        ? object.integer("max_per_category", 1, Integer.MAX_VALUE)
                        : base.maxPerCategory());
    }
}
