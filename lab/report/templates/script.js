
// The page is complete without this: it filters, unfolds what is linked to, and opens everything for paper.
(() => {
  "use strict";
  const all = (selector) => [...document.querySelectorAll(selector)];

  const form = document.querySelector("form.filter");
  if (form) {
    const rows = all("[data-outcomes]").map((row) => ({ row, name: row.dataset.name.toLowerCase(), outcomes: JSON.parse(row.dataset.outcomes) }));
    const listed = rows.filter(({ row }) => row.tagName === "TR");
    const apply = () => {
      const { scenario, engine, outcome } = Object.fromEntries(new FormData(form));
      const words = scenario.toLowerCase().split(/\s+/);
      for (const { row, name, outcomes } of rows) {
        const judged = engine ? [outcomes[engine] || "none"] : Object.values(outcomes);
        const outcomesShown = judged.length ? judged : ["none"];
        row.hidden = !(words.every((word) => name.includes(word)) && (!outcome || outcomesShown.includes(outcome)) && (!engine || outcome || engine in outcomes));
      }
      const left = listed.filter(({ row }) => !row.hidden).length;
      form.querySelector("output").value = left === listed.length ? `all ${left} runs` : `${left} of ${listed.length} runs`;
    };
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }

  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const fold = target && target.closest("details");
    if (fold && !fold.open) { fold.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
  reveal();

  // On a narrow screen a picture starts shortly before the fault.
  const aim = (root) => {
    for (const frame of root.querySelectorAll(".figure")) {
      const fault = frame.querySelector("rect.window, .guilty, .calendar .numbers .first"), box = frame.getBoundingClientRect();
      const left = fault ? fault.getBoundingClientRect().left - box.left + frame.scrollLeft : 0;
      if (fault && fault.closest(".calendar")) {
        // Of a calendar, with the column before it: that one stands beside the names.
        frame.scrollLeft = left - fault.offsetWidth - fault.parentElement.firstElementChild.offsetWidth;
      } else if (left > box.width * 0.6) frame.scrollLeft = left - box.width * 0.25;
    }
  };
  for (const fold of all("details.run")) fold.addEventListener("toggle", () => { if (fold.open) aim(fold); });
  aim(document);

  // What a cell of a calendar says, for fingers, which cannot point at it.
  document.addEventListener("click", (event) => {
    const cell = event.target.closest(".calendar td[title], .calendar .spot"), frame = event.target.closest(".calendar-frame");
    const told = frame && frame.parentElement.querySelector(".calendar-told");
    if (!told || !cell) return;
    const name = cell.closest("tr").querySelector("th"), words = cell.getAttribute("title") || cell.querySelector("title").textContent;
    told.textContent = `${name ? name.textContent.replace("●", "").trim() : ""}: ${words}`;
    told.hidden = false;
  });

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => { for (const fold of opened) fold.open = false; });
})();
