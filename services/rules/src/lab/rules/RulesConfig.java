package lab.rules;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.function.Consumer;

/**
 * The thresholds in a JSON file, read again when the file has changed. A file that cannot be used is reported once and
 * the last good thresholds stay in force.
 */
final class RulesConfig<T> {
    private static final Duration CHECK_INTERVAL = Duration.ofMillis(200);

    private final RuleSet<T> rules;
    private final Path file;
    private final Consumer<String> onChange;
    private final Consumer<String> onError;
    private T thresholds;
    private String seen = "";
    private long nextCheckNanos;

    /** @param file null: the defaults, for good. IllegalArgumentException when there is a file and it is not usable. */
    RulesConfig(RuleSet<T> rules, Path file, Consumer<String> onChange, Consumer<String> onError) {
        this.rules = rules;
        this.file = file;
        thresholds = rules.defaults();
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
    synchronized T current() {
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
            T read = read();
            if (!read.equals(thresholds)) {
                thresholds = read;
                onChange.accept(Version.of(read));
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

    private T read() throws IOException {
        return rules.parse().apply(Files.readString(file));
    }
}
