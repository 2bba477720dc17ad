package lab.rules.decisions;

import java.util.Locale;
import java.util.Map;
import java.util.Set;
import lab.rules.Json;
import lab.rules.JsonObject;
import lab.rules.RuleSet;
import lab.rules.Version;

/** POST /v1/rules/decide: what becomes of a scored payment. The twin of lab/worlds/decisions/rules.py. */
public final class PaymentRules {
    public static final RuleSet<?> RULES = new RuleSet<>(
            "/v1/rules/decide",
            "Payments by what became of them.",
            Thresholds.DEFAULT,
            Thresholds::parse,
            PaymentRules::answer);

    /** What becomes of a payment. */
    enum Decision {
        APPROVE,
        REVIEW,
        DECLINE;

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** The score of a payment that no model scored: it exceeds nothing. */
    static final long NONE = -1;

    private PaymentRules() {}

    /** A body is {"score_micro": 81234, "merchant": 17}. */
    static RuleSet.Answer answer(String body, Thresholds thresholds) {
        JsonObject payment = JsonObject.of("", Json.parse(body), Set.of("score_micro", "merchant"));
        Decision decision = decide(
                payment.integer("score_micro", NONE, Thresholds.MICRO),
                payment.integer("merchant", 0, Integer.MAX_VALUE),
                thresholds);
        return new RuleSet.Answer(
                Map.of("decision", decision.word(), "rules_version", Version.of(thresholds)), Map.of(decision.word(), 1));
    }

    static Decision decide(long scoreMicro, long merchant, Thresholds thresholds) {
        if (thresholds.blocked().contains(merchant) || scoreMicro > thresholds.declineMicro()) {
            return Decision.DECLINE;
        }
        return scoreMicro > thresholds.reviewMicro() ? Decision.REVIEW : Decision.APPROVE;
    }
}
