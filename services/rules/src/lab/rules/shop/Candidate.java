package lab.rules.shop;

/** An item the model has scored, with what the rules need to know of it. */
record Candidate(long itemId, double score, long category, long stockCount, long minAgeYears, double marginRatio) {}
