package lab.rules.shop;

import java.util.LinkedHashMap;
import java.util.Map;
import lab.rules.RuleSet;
import lab.rules.Version;

/** POST /v1/rules/apply: filters and re-ranks scored items. */
public final class ShopRules implements RuleSet<Thresholds> {
    @Override
    public String route() {
        return "/v1/rules/apply";
    }

    @Override
    public String counted() {
        return "Items a filter removed.";
    }

    @Override
    public Thresholds defaults() {
        return Thresholds.DEFAULT;
    }

    @Override
    public Thresholds parse(String text) {
        return Thresholds.parse(text);
    }

    @Override
    public Answer answer(String body, Thresholds thresholds) {
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
        return new Answer(document, removed);
    }
}
