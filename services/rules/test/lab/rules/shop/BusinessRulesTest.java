package lab.rules.shop;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import lab.rules.Check;
import lab.rules.Json;

/** The rules, one by one, and the golden vectors they share with their Python twin. */
public final class BusinessRulesTest {
    private static final Thresholds TWO_OF_A_CATEGORY = new Thresholds(1, 0.02, 2);

    private BusinessRulesTest() {}

    public static void run(Path golden) throws IOException {
        stockComesBeforeAge();
        marginDecidesBetweenNearlyEqualScores();
        halvesRoundToEven();
        tiesGoByItemId();
        aCategoryHasItsShareThenFillsUp();
        goldenVectors(golden);
    }

    private static Candidate item(long id, double score, long category) {
        return new Candidate(id, score, category, 10, 0, 0.0);
    }

    private static List<Long> ids(int limit, Candidate... items) {
        return BusinessRules.apply(30, List.of(items), limit, TWO_OF_A_CATEGORY).items();
    }

    private static void stockComesBeforeAge() {
        BusinessRules.Ranking ranking = BusinessRules.apply(
                17.5,
                List.of(
                        new Candidate(1, 0.9, 1, 0, 18, 0),
                        new Candidate(2, 0.8, 1, 1, 18, 0),
                        new Candidate(3, 0.7, 1, 1, 17, 0)),
                5,
                Thresholds.DEFAULT);
        Check.equal(new BusinessRules.Ranking(List.of(3L), 1, 1), ranking, "filters");
    }

    private static void marginDecidesBetweenNearlyEqualScores() {
        Candidate plain = new Candidate(1, 0.5, 1, 1, 0, 0.0);
        Candidate earning = new Candidate(2, 0.49, 1, 1, 0, 0.51);
        Check.equal(List.of(2L, 1L), ids(5, plain, earning), "margin");
    }

    private static void halvesRoundToEven() {
        Check.equal(0L, BusinessRules.valueMicro(item(1, 0.0000005, 1), 0), "0.5 millionths");
        Check.equal(2L, BusinessRules.valueMicro(item(1, 0.0000015, 1), 0), "1.5 millionths");
        Check.equal(-2L, BusinessRules.valueMicro(item(1, -0.0000015, 1), 0), "-1.5 millionths");
    }

    private static void tiesGoByItemId() {
        Check.equal(List.of(3L, 7L, 9L), ids(5, item(9, 0.5, 1), item(3, 0.5, 2), item(7, 0.5, 3)), "ties");
    }

    private static void aCategoryHasItsShareThenFillsUp() {
        Candidate[] items = {item(1, 0.9, 1), item(2, 0.8, 1), item(3, 0.7, 1), item(4, 0.6, 2)};
        Check.equal(List.of(1L, 2L, 4L), ids(3, items), "at most two of category 1");
        Check.equal(List.of(1L, 2L, 4L, 3L), ids(4, items), "then the skipped one");
    }

    private static void goldenVectors(Path golden) throws IOException {
        Map<?, ?> document = (Map<?, ?>) Json.parse(Files.readString(golden));
        List<?> cases = (List<?>) document.get("cases");
        Check.that(cases.size() >= 40, "at least 40 golden vectors");
        for (Object value : cases) {
            Map<?, ?> vector = (Map<?, ?>) value;
            Thresholds thresholds = Thresholds.parse(Json.write(vector.get("thresholds")));
            RulesRequest request = RulesRequest.parse(Json.write(vector.get("request")));
            BusinessRules.Ranking ranking =
                    BusinessRules.apply(request.userAgeYears(), request.items(), request.limit(), thresholds);
            Map<?, ?> expected = (Map<?, ?>) vector.get("expected");
            Object removed = Map.of("stock", (long) ranking.removedByStock(), "age", (long) ranking.removedByAge());
            Check.equal(expected.get("items"), ranking.items(), vector.get("name") + ": items");
            Check.equal(expected.get("removed"), removed, vector.get("name") + ": removed");
        }
    }
}
