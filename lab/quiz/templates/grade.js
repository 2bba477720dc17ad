// The rules of the graders (graders/*.py) in the page: culprit, boundary, kind, onset, false alarm, decoy.
// A test compares every outcome and value with theirs. An answer is {verdict, findings: [{culprit, boundary, kind,
// onset_s, confidence}]}; a case holds the truth, the tolerances, and what was to be seen.
const grading = (() => {
  const DECIDING = ["culprit", "false-alarm", "decoy-blamed"], MIN_REQUESTS = 100, MIN_RUNS = 10, SATURATION = ["resource", "external"];
  const key = (...parts) => JSON.stringify(parts);
  const count = (texts) => texts.reduce((found, text) => found.set(text, (found.get(text) || 0) + 1), new Map());
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const byKeys = (keysOf) => (a, b) => {
    const one = keysOf(a), other = keysOf(b);
    for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return compare(one[i], other[i]);
    return 0;
  };
  const choices = (n, k) => {
    if (k < 0 || k > n) return 0n;
    let found = 1n;
    for (let i = 0; i < k; i++) found = (found * BigInt(n - i)) / BigInt(i + 1);
    return found;
  };

  // Items are [label, confidence]. Each label once, at its highest confidence.
  const best = (items) => [...items.reduce((found, [label, confidence]) => found.set(label, Math.max(confidence, found.get(label) || 0)), new Map())];
  const cut = (items, k) => {
    if (items.length <= k) return { sure: items.map(([label]) => label), tied: [], places: 0 };
    const threshold = items.map(([, confidence]) => confidence).sort((a, b) => b - a)[k - 1];
    const sure = items.filter(([, confidence]) => confidence > threshold).map(([label]) => label);
    return { sure, tied: items.filter(([, confidence]) => confidence === threshold).map(([label]) => label), places: k - sure.length };
  };

  // A share as [numerator, denominator]: a pass is a right answer in every order of the ties, so it must be exact.
  const recall = (items, wanted, k) => {
    const { sure, tied, places } = cut(items, k), orders = choices(tied.length, places);
    let found = 0n, total = 0n;
    for (const [label, times] of wanted) {
      const certain = sure.filter((one) => one === label).length, chances = tied.filter((one) => one === label).length;
      for (let drawn = 0; drawn <= Math.min(chances, places); drawn++)
        found += choices(chances, drawn) * choices(tied.length - chances, places - drawn) * BigInt(Math.min(certain + drawn, times));
      total += BigInt(times);
    }
    return [found, orders * total];
  };
  const hit = (items, isWanted, k) => {
    const { sure, tied, places } = cut(items, k);
    if (sure.some(isWanted)) return [1n, 1n];
    const orders = choices(tied.length, places), missed = choices(tied.filter((label) => !isWanted(label)).length, places);
    return [orders - missed, orders];
  };
  const judged = (grader, [numerator, denominator], why = "") => ({
    grader, outcome: numerator === denominator ? "pass" : "fail", value: Number(numerator) / Number(denominator), why,
  });
  const failed = (grader, why) => ({ grader, outcome: "fail", value: 0, why });
  const open = (grader, why) => ({ grader, outcome: "inconclusive", value: null, why });

  const witnessed = (given) => given.faults.filter((fault) => fault.witnessed_s !== null);
  const unanswered = (grader, given, answer) => {
    const isControl = !given.faults.length;
    if (!isControl && !witnessed(given).length) return open(grader, "no injected fault had an effect that could be seen");
    if (isControl && given.requests !== null && given.requests < MIN_REQUESTS) return open(grader, "too few requests: nothing could show");
    if (isControl && given.runs !== null && given.runs < MIN_RUNS) return open(grader, "too few runs of jobs: nothing could show");
    if (answer.verdict !== "unsure" || given.degraded) return null;
    if (isControl && given.alerts.length) return open(grader, "an alert fired by chance: whoever is unsure of its cause is not judged");
    return failed(grader, "an unsure answer never passes here");
  };
  const considered = (given, answer) => {
    const seen = new Set(witnessed(given).map((fault) => fault.culprit));
    const unseen = new Set(given.faults.map((fault) => fault.culprit).filter((culprit) => !seen.has(culprit)));
    return answer.findings.filter((finding) => !unseen.has(finding.culprit));
  };

  const axis = (grader, given, answer, label, depth = 1) => {
    if (!given.faults.length) return null;
    const early = unanswered(grader, given, answer);
    if (early) return early;
    if (answer.verdict === "healthy") return failed(grader, "something was broken, and its effect was there to be seen");
    const sought = new Map();
    for (const pair of new Set(witnessed(given).map((fault) => key(fault.culprit, label(fault))))) {
      const of = JSON.parse(pair)[1];
      sought.set(of, (sought.get(of) || 0) + 1);
    }
    const ranked = best(considered(given, answer).map((finding) => [key(finding.culprit, label(finding)), finding.confidence]));
    const total = [...sought.values()].reduce((a, b) => a + b, 0);
    return judged(grader, recall(ranked.map(([pair, confidence]) => [JSON.parse(pair)[1], confidence]), sought, Math.max(depth, total)));
  };

  const distance = (onset, fault) => {
    if (onset === null || fault.witnessed_s === null) return Infinity;
    return onset < fault.injected_s ? onset - fault.injected_s : Math.max(0, onset - fault.witnessed_s);
  };
  const mismatch = (claim, fault) => (claim.culprit !== fault.culprit ? 2 : claim.kind !== fault.kind ? 1 : 0);
  const matched = (claims, faults) => {
    const pairs = claims.flatMap((claim, i) => faults.map((fault, j) => ({ claim, fault, i, j })));
    pairs.sort(byKeys(({ claim, fault, i, j }) => [mismatch(claim, fault), Math.abs(distance(claim.onset_s, fault)), fault.injected_s, fault.id, i, j]));
    const found = new Map(), taken = new Set();
    for (const { claim, fault, j } of pairs)
      if (!found.has(claim) && !taken.has(j)) { found.set(claim, fault); taken.add(j); }
    return found;
  };
  const candidates = (findings, faults) => {
    const claims = best(findings.map((f) => [key(f.culprit, f.kind, f.onset_s), f.confidence]))
      .map(([pair, confidence]) => { const [culprit, kind, onset_s] = JSON.parse(pair); return { culprit, kind, onset_s, confidence }; });
    const places = count(faults.map((fault) => fault.culprit));
    claims.sort(byKeys((c) => [-c.confidence, c.culprit, c.kind, c.onset_s === null ? Infinity : c.onset_s]));
    return claims.filter((claim) => claims.filter((other) => other.culprit === claim.culprit && other.confidence > claim.confidence).length
      < Math.max(1, places.get(claim.culprit) || 0));
  };
  const onset = (given, answer) => {
    if (!given.faults.length) return null;
    const early = unanswered("onset", given, answer);
    if (early) return early;
    if (answer.verdict === "healthy") return failed("onset", "something was broken, and its effect was there to be seen");
    const faults = witnessed(given).sort(byKeys((fault) => [fault.injected_s, fault.id])), n = faults.length;
    let { sure, tied, places } = cut(candidates(considered(given, answer), faults).map((claim) => [claim, claim.confidence]), n);
    if (places === tied.length) { sure = [...sure, ...tied]; tied = []; places = 0; }
    const met = (claim, fault) => fault !== undefined && Math.abs(distance(claim.onset_s, fault)) <= given.onset_within_s;
    const against = matched(sure, faults), taken = new Set(against.values());
    const certain = sure.filter((claim) => met(claim, against.get(claim))).length;
    const free = faults.filter((fault) => !taken.has(fault));
    const alone = tied.map((claim) => [claim, matched([claim], free).get(claim)]);
    places -= alone.filter(([claim, fault]) => !met(claim, fault)).length;
    const groups = [...count(alone.filter(([claim, fault]) => met(claim, fault)).map(([, fault]) => fault.id)).values()].sort((a, b) => b - a);
    let lucky = 0;
    for (const size of groups) { lucky += places > 0 ? 1 : 0; places -= size; }
    return judged("onset", [BigInt(certain + lucky), BigInt(n)], `within ${given.onset_within_s} s of the true onset`);
  };

  const falseAlarm = (given, answer) => {
    if (given.faults.length) return null;
    const early = unanswered("false-alarm", given, answer), { degraded } = given;
    if (early) return early;
    if (!degraded) return answer.verdict === "healthy" ? judged("false-alarm", [1n, 1n]) : failed("false-alarm", "something was blamed where nothing was injected");
    if (answer.verdict === "healthy") return failed("false-alarm", "the load itself broke an objective");
    if (answer.verdict === "unsure") return judged("false-alarm", [1n, 1n], "the load itself broke an objective");
    const saturated = (finding) => degraded.answerable.includes(finding.culprit) && SATURATION.includes(finding.boundary);
    const ranked = best(answer.findings.map((finding) => [key(finding.culprit, saturated(finding)), finding.confidence]));
    return judged("false-alarm", hit(ranked, (label) => JSON.parse(label)[1], 1), "the load itself broke an objective");
  };

  const decoyBlamed = (given, answer) => {
    const guilty = new Set([...given.faults.map((fault) => fault.culprit), ...(given.degraded ? given.degraded.answerable : [])]);
    const misleading = new Set(given.decoys.map((decoy) => decoy.element).filter((element) => !guilty.has(element)));
    if (!misleading.size) return null;
    const early = unanswered("decoy-blamed", given, answer);
    if (early) return early;
    if (answer.verdict !== "fault") return judged("decoy-blamed", [1n, 1n], "nothing was blamed");
    const ranked = best(considered(given, answer).map((finding) => [finding.culprit, finding.confidence]));
    const k = Math.max(1, new Set(witnessed(given).map((fault) => fault.culprit)).size);
    const [blamed, orders] = hit(ranked, (culprit) => misleading.has(culprit), k);
    const why = blamed ? "a harmless event was blamed" : "";
    return { ...judged("decoy-blamed", [orders - blamed, orders], why), outcome: blamed ? "fail" : "pass" };
  };

  const grade = (given, answer) => [
    axis("boundary", given, answer, (one) => one.boundary),
    axis("culprit", given, answer, (one) => one.culprit),
    decoyBlamed(given, answer),
    falseAlarm(given, answer),
    axis("kind", given, answer, (one) => one.kind),
    onset(given, answer),
  ].filter(Boolean);
  const outcome = (grades) => {
    const deciding = grades.filter((one) => DECIDING.includes(one.grader)).map((one) => one.outcome);
    return deciding.includes("fail") ? "fail" : deciding.includes("inconclusive") || !deciding.length ? "inconclusive" : "pass";
  };
  // As lab/investigation/scoring.py: each axis gives its value of its weight's share; null where nobody is judged.
  const score = (weights, grades, hints) => {
    const counted = grades.filter((one) => one.grader in weights && one.value !== null);
    if (!counted.length || outcome(grades) === "inconclusive") return null;
    const sum = (of) => counted.map(of).reduce((a, b) => a + b, 0);
    const reached = (100 * sum((one) => weights[one.grader] * one.value)) / sum((one) => weights[one.grader]);
    return Math.round(10 * Math.max(0, reached - hints)) / 10;
  };
  return { grade, outcome, score };
})();
