package lab.rules.shop;

import java.util.LinkedHashMap;
import java.util.Map;
import lab.rules.RuleSet;
import lab.rules.Version;

/** POST /v1/rules/apply: filters and re-ranks scored items. */
public final class ShopRules {
    public static final RuleSet<?> RULES = new RuleSet<>(
            "/v1/rules/apply", "Items a filter removed.", Thresholds.DEFAULT, Thresholds::parse, ShopRules::answer);

    private ShopRules() {}

    private static RuleSet.Answer answer(String body, Thresholds thresholds) {
        RulesRequest request = RulesRequest.parse(body);
        BusinessRules.Ranking ranking =
                BusinessRules.apply(request.userAgeYears(), request.items(), request.limit(), thresholds);
        Map<String, Integer> removed = new LinkedHashMap<>();
        removed.put("stock", ranking.removedByStock());
        removed.put("age", ranking.removedByAge());
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("items", ranking.items());
        document.put("removed", removed);
        document.put("rules_version", Version.of(thresholds));
        return new RuleSet.Answer(document, removed);
    }
}
