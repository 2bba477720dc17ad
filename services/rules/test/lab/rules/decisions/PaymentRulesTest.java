package lab.rules.decisions;

import java.util.Map;
import java.util.Set;
import lab.rules.Check;
import lab.rules.JsonObject;
import lab.rules.Version;
import lab.rules.decisions.PaymentRules.Decision;

/** What becomes of payments. Their Python twin is asked the same in tests/services/test_rules_java.py. */
public final class PaymentRulesTest {
    private static final Thresholds SOME = new Thresholds(100, 200, Set.of(7L));

    private PaymentRulesTest() {}

    public static void run() {
        scoresAboveTheThresholdsAreReviewedAndDeclined();
        blockedMerchantsAreDeclinedWhateverTheScore();
        whatNoModelScoredIsApproved();
        answersCountWhatTheyDecide();
        thresholdsAreReadOrRefused();
    }

    private static void scoresAboveTheThresholdsAreReviewedAndDeclined() {
        Check.equal(Decision.APPROVE, PaymentRules.decide(100, 1, SOME), "at the threshold of review");
        Check.equal(Decision.REVIEW, PaymentRules.decide(101, 1, SOME), "above it");
        Check.equal(Decision.REVIEW, PaymentRules.decide(200, 1, SOME), "at the threshold of decline");
        Check.equal(Decision.DECLINE, PaymentRules.decide(201, 1, SOME), "above it");
    }

    private static void blockedMerchantsAreDeclinedWhateverTheScore() {
        Check.equal(Decision.DECLINE, PaymentRules.decide(0, 7, SOME), "blocked");
    }

    private static void whatNoModelScoredIsApproved() {
        Check.equal(Decision.APPROVE, PaymentRules.decide(PaymentRules.NONE, 1, new Thresholds(0, 0, Set.of())), "none");
    }

    private static void answersCountWhatTheyDecide() {
        var answer = PaymentRules.answer("{\"score_micro\": 150, \"merchant\": 3}", SOME);
        Check.equal(Map.of("decision", "review", "rules_version", Version.of(SOME)), answer.document(), "answer");
        Check.equal(Map.of("review", 1), answer.counts(), "count");
        String message = Check.failure(
                JsonObject.FieldException.class, () -> PaymentRules.answer("{\"merchant\": 3}", SOME), "no score");
        Check.equal("score_micro: missing", message, "message");
    }

    private static void thresholdsAreReadOrRefused() {
        Check.equal(Thresholds.DEFAULT, Thresholds.parse("{}"), "empty object");
        Check.equal(
                new Thresholds(1, 2, Set.of(9L, 4L)),
                Thresholds.parse("{\"review_micro\": 1, \"decline_micro\": 2, \"blocked\": [4, 9]}"),
                "all keys");
        Check.equal(
                Version.of(Thresholds.parse("{\"blocked\": [4, 9]}")),
                Version.of(Thresholds.parse("{\"blocked\": [9, 4]}")),
                "the order of merchants names nothing");
        Check.failure(JsonObject.FieldException.class, () -> Thresholds.parse("{\"blocked\": [\"4\"]}"), "no number");
        Check.failure(IllegalArgumentException.class, () -> new Thresholds(3, 2, Set.of()), "review above decline");
    }
}
