package lab.rules;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The file of thresholds: its reload, and what happens when it is not usable. */
final class ConfigTest {
    private static final long CHECK_INTERVAL_MS = 250;

    /** Rules whose thresholds are one number. */
    private static final RuleSet<Long> LIMIT = new RuleSet<>(
            "/limit",
            "Nothing.",
            1L,
            text -> JsonObject.of("", Json.parse(text), Set.of("limit")).integer("limit", 0, 100),
            (body, limit) -> new RuleSet.Answer(Map.of(), Map.of()));

    private ConfigTest() {}

    static void run() throws IOException, InterruptedException {
        withoutAFileTheDefaultsHold();
        aFileThatIsMissingAtTheStartIsRefused();
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

    private static void withoutAFileTheDefaultsHold() {
        Check.equal(1L, new RulesConfig<>(LIMIT, null, version -> {}, error -> {}).current(), "defaults");
    }

    private static void aFileThatIsMissingAtTheStartIsRefused() {
        Check.failure(
                IllegalArgumentException.class,
                () -> new RulesConfig<>(LIMIT, Path.of("no", "such", "file"), version -> {}, error -> {}),
                "missing at the start");
    }

    private static void versionsNameTheValues() {
        Check.equal(Version.of(List.of(1, 2)), Version.of(List.of(1, 2)), "same values");
        Check.that(!Version.of(List.of(1, 2)).equals(Version.of(List.of(1, 3))), "other values");
    }

    private static void aChangedFileIsReadAgain(Path file) throws IOException, InterruptedException {
        List<String> changes = new ArrayList<>();
        List<String> errors = new ArrayList<>();
        Files.writeString(file, "{\"limit\": 3}");
        RulesConfig<Long> config = new RulesConfig<>(LIMIT, file, changes::add, errors::add);
        Check.equal(3L, config.current(), "at the start");

        Files.writeString(file, "{\"limit\": 40}");
        Thread.sleep(CHECK_INTERVAL_MS);
        Check.equal(40L, config.current(), "after a change");
        Check.equal(List.of(Version.of(40L)), changes, "the change is told once");

        Files.writeString(file, "{\"limit\":");
        Thread.sleep(CHECK_INTERVAL_MS);
        Check.equal(40L, config.current(), "a broken file changes nothing");
        Thread.sleep(CHECK_INTERVAL_MS);
        config.current();
        Check.equal(1, errors.size(), "and is told once");

        Files.delete(file);
        Thread.sleep(CHECK_INTERVAL_MS);
        Check.equal(40L, config.current(), "nor does a missing one");
        Thread.sleep(CHECK_INTERVAL_MS);
        config.current();
        Check.equal(2, errors.size(), "which is told once too");

        Files.writeString(file, "{\"limit\": 5}");
        Thread.sleep(CHECK_INTERVAL_MS);
        Check.equal(5L, config.current(), "a good one does");
    }
}
