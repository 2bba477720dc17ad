package lab.rules.shop;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What may be shown, in which order. Pure; has a Python twin that passes the same golden vectors. */
final class BusinessRules {
    private static final double MICRO = 1e6;

    /** The item ids to show, best first, and how many items each filter removed (stock comes first). */
    record Ranking(List<Long> items, int removedByStock, int removedByAge) {}

    private record Ranked(Candidate candidate, long valueMicro) {}

    private static final Comparator<Ranked> BEST_FIRST = Comparator.comparingLong(Ranked::valueMicro).reversed()
            .thenComparingLong(ranked -> ranked.candidate().itemId());

    private BusinessRules() {}

    static Ranking apply(double userAgeYears, List<Candidate> items, int limit, Thresholds thresholds) {
        List<Ranked> ranked = new ArrayList<>(items.size());
        int removedByStock = 0;
        int removedByAge = 0;
        for (Candidate item : items) {
            if (item.stockCount() < thresholds.minStock()) {
                removedByStock++;
            } else if (item.minAgeYears() > userAgeYears) {
                removedByAge++;
            } else {
                ranked.add(new Ranked(item, valueMicro(item, thresholds.marginWeight())));
            }
        }
        ranked.sort(BEST_FIRST);
        return new Ranking(diversify(ranked, limit, thresholds.maxPerCategory()), removedByStock, removedByAge);
    }

    /** Ranking value in millionths: integers, so that no language's float formatting or summing can reorder items. */
    static long valueMicro(Candidate item, double marginWeight) {
        long score = (long) Math.rint(item.score() * MICRO);
        return score + (long) Math.rint(marginWeight * item.marginRatio() * MICRO);
    }

    private static List<Long> diversify(List<Ranked> ranked, int limit, long maxPerCategory) {
        List<Long> taken = new ArrayList<>();
        List<Long> skipped = new ArrayList<>();
        Map<Long, Integer> countByCategory = new HashMap<>();
        for (Ranked next : ranked) {
            int count = countByCategory.merge(next.candidate().category(), 1, Integer::sum);
            (count <= maxPerCategory ? taken : skipped).add(next.candidate().itemId());
        }
        taken.addAll(skipped);
        return List.copyOf(taken.subList(0, Math.min(limit, taken.size())));
    }
}
