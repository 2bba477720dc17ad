// The page's own script: reads what is veiled (lab/quiz/veiled.py), gives hints, grades the answer, shows the truth.
const quiz = (() => {
  const find = (selector) => document.querySelector(selector);
  const element = (tag, text, css) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (css) made.className = css;
    return made;
  };
  const veiled = find("#veiled");

  const unveiled = (text, salt) => {
    let state = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(salt)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
    const bytes = Uint8Array.from(atob(text), (one) => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return one.charCodeAt(0) ^ ((mixed ^ (mixed >>> 14)) & 0xff);
    });
    return JSON.parse(new TextDecoder().decode(bytes));
  };
  const { salt } = veiled.dataset;

  const hints = [...veiled.querySelectorAll("i")], take = find("#take");
  let taken = 0, points = 0;
  const offer = () => {
    if (!take) return;
    take.disabled = taken === hints.length;
    take.textContent = take.disabled ? "No hint is left" : `Take hint ${taken + 1}: ${hints[taken].dataset.cost} points`;
  };
  if (take) take.addEventListener("click", () => {
    const { text, cost } = hints[taken].dataset;
    find("#taken").append(element("li", `${unveiled(text, `${salt}/${taken}`)} (${cost} points)`));
    taken += 1;
    points += Number(cost);
    offer();
  });
  offer();

  const form = find("#form"), findings = find("#findings"), template = findings.firstElementChild.cloneNode(true);
  const isFault = () => form.elements.verdict.value === "fault";
  const adapt = () => {
    findings.hidden = find("#more").hidden = !isFault();
    for (const field of findings.querySelectorAll("select, input")) field.disabled = !isFault();
  };
  form.addEventListener("change", adapt);
  find("#more").addEventListener("click", () => {
    const added = template.cloneNode(true);
    const remove = element("button", "Remove this cause");
    remove.type = "button";
    remove.addEventListener("click", () => added.remove());
    added.append(remove);
    findings.append(added);
    added.querySelector("select").focus();
  });
  find("#submit").disabled = false;
  adapt();

  const answered = () => {
    const read = (from, name) => from.querySelector(`[name=${name}]`).value;
    const found = isFault() ? [...findings.children].map((from) => ({
      culprit: read(from, "culprit"), boundary: read(from, "boundary"), kind: read(from, "kind"),
      onset_s: read(from, "onset") === "" ? null : Number(read(from, "onset")), confidence: Number(read(from, "confidence")) / 100,
    })) : [];
    return { verdict: form.elements.verdict.value, findings: found };
  };
  const SIGNS = { pass: "✓ pass", fail: "✗ fail", inconclusive: "? inconclusive" };
  const story = (given) => [
    ...given.faults.map((fault) => `${fault.kind} of ${fault.culprit} (${fault.boundary}) from ${fault.injected_s} s to ${fault.reverted_s} s; `
      + (fault.witnessed_s === null ? "it had no effect that could be seen" : `its effect first showed at ${fault.witnessed_s} s`)),
    ...(given.faults.length ? [] : [given.degraded ? `Nothing was broken: ${given.degraded.cause}.` : "Nothing was broken: the right answer is healthy."]),
    ...given.decoys.map((decoy) => `Harmless: ${decoy.kind} of ${decoy.element} at ${decoy.at_s} s`),
  ];
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = unveiled(veiled.dataset.case, `${salt}/case`), grades = grading.grade(given, answered()), outcome = grading.outcome(grades);
    const score = grading.score(given.weights, grades, points);
    find("#summary").replaceChildren(element("span", SIGNS[outcome], `badge ${outcome === "inconclusive" ? "unknown" : outcome}`),
      score === null ? " Nobody is judged here." : ` ${score} of 100 points${points ? `; hints cost ${points}` : ""}.`);
    for (const { grader, outcome: result, value, why } of grades) {
      const row = document.createElement("tr"), head = element("th", grader);
      head.scope = "row";
      row.append(head, element("td", SIGNS[result]), element("td", value === null ? "–" : value.toFixed(2), "number"), element("td", why));
      find("#grades").append(row);
    }
    find("#truth").append(...story(given).map((text) => element("li", text)));
    for (const field of form.elements) field.disabled = true;
    if (take) take.disabled = true;
    find("#result").hidden = false;
    find("#result").focus();
  });
  return { unveiled };
})();
