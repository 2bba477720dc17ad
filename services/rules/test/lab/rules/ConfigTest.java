package lab.rules;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Thresholds: their file, its reload, and what happens when it is not usable. */
final class ConfigTest {
    private static final long CHECK_INTERVAL_MS = 250;

    private ConfigTest() {}

    static void run() throws IOException, InterruptedException {
        missingKeysHaveTheirDefaults();
        unusableFilesAreRefusedWithTheReason();
        versionsNameTheValues();
        Path directory = Files.createTempDirectory("rules");
        Path file = directory.resolve("rules.json");
        try {
            aChangedFileIsReadAgain(file);
        } finally {
            Files.deleteIfExists(file);
            Files.delete(directory);
        }
    }

    private static void missingKeysHaveTheirDefaults() {
        Check.equal(Thresholds.DEFAULT, RulesConfig.parse("{}"), "empty object");
        Check.equal(new Thresholds(3, 0.02, 2), RulesConfig.parse("{\"min_stock\": 3}"), "one key");
    }

    private static void unusableFilesAreRefusedWithTheReason() {
        String message = Check.failure(
                JsonObject.FieldException.class, () -> RulesConfig.parse("{\"min_stock\": \"3\"}"), "wrong type");
        Check.equal("min_stock: expected an integer from 0 to 2147483647, got \"3\"", message, "message");
        Check.failure(JsonObject.FieldException.class, () -> RulesConfig.parse("{\"minStock\": 3}"), "unknown key");
        Check.failure(JsonObject.FieldException.class, () -> RulesConfig.parse("[]"), "not an object");
        Check.failure(
                IllegalArgumentException.class,
                () -> new RulesConfig(Path.of("no", "such", "file"), version -> {}, error -> {}),
                "missing at the start");
        Check.failure(IllegalArgumentException.class, () -> new Thresholds(1, Double.NaN, 1), "not a number");
    }

    private static void versionsNameTheValues() {
        Check.equal(new Thresholds(1, 0.02, 2).version(), Thresholds.DEFAULT.version(), "same values");
        Check.that(!new Thresholds(2, 0.02, 2).version().equals(Thresholds.DEFAULT.version()), "other values");
    }

    private static void aChangedFileIsReadAgain(Path file) throws IOException, InterruptedException {
        List<String> changes = new ArrayList<>();
        List<String> errors = new ArrayList<>();
        Files.writeString(file, "{\"min_stock\": 3}");
        RulesConfig config = new RulesConfig(file, changes::add, errors::add);
        Check.equal(3L, config.current().minStock(), "at the start");

        Files.writeString(file, "{\"min_stock\": 40}");
        Thread.sleep(CHECK_INTERVAL_MS);
        Check.equal(40L, config.current().minStock(), "after a change");
        Check.equal(List.of(config.current().version()), changes, "the change is told once");

        Files.writeString(file, "{\"min_stock\":");
        Thread.sleep(CHECK_INTERVAL_MS);
        Check.equal(40L, config.current().minStock(), "a broken file changes nothing");
        Thread.sleep(CHECK_INTERVAL_MS);
        config.current();
        Check.equal(1, errors.size(), "and is told once");

        Files.delete(file);
        Thread.sleep(CHECK_INTERVAL_MS);
        Check.equal(40L, config.current().minStock(), "nor does a missing one");
        Thread.sleep(CHECK_INTERVAL_MS);
        config.current();
        Check.equal(2, errors.size(), "which is told once too");

        Files.writeString(file, "{\"min_stock\": 5}");
        Thread.sleep(CHECK_INTERVAL_MS);
        Check.equal(5L, config.current().minStock(), "a good one does");
    }
}
