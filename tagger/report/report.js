// Filters the list of credentials. Without this script the list is there all the same.
"use strict";
(function () {
  const form = document.getElementById("filter");
  const cards = Array.from(document.querySelectorAll("#cards > details"));
  if (!form || !cards.length) return;
  const find = (id) => document.getElementById(id);
  const query = find("q"), goal = find("goal"), severity = find("severity"), bare = find("bare");
  const status = find("status"), all = find("all");
  const plain = (text) => text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "");
  const texts = new Map();
  const text = (card) => {
    if (!texts.has(card)) texts.set(card, plain(card.textContent));
    return texts.get(card);
  };
  const has = {
    "": () => true,
    red: (worst) => worst === "red",
    amber: (worst) => worst === "red" || worst === "amber",
    info: (worst) => worst !== "",
    none: (worst) => worst === "",
  };

  function apply() {
    const words = plain(query.value).split(/\s+/).filter(Boolean);
    let n = 0;
    for (const card of cards) {
      const shown =
        (!goal.value || card.dataset.goals.includes(" " + goal.value + " ")) &&
        has[severity.value](card.dataset.worst) &&
        (!bare.checked || "bare" in card.dataset) &&
        (!words.length || words.every((word) => text(card).includes(word)));
      card.hidden = !shown;
      n += shown;
    }
    status.textContent = n === cards.length ? n + " credentials" : n + " of " + cards.length + " credentials";
  }

  let timer;
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 120); });
  form.addEventListener("submit", (event) => event.preventDefault());
  all.addEventListener("click", () => {
    const open = all.getAttribute("aria-pressed") !== "true";
    for (const card of cards) if (!card.hidden) card.open = open;
    all.setAttribute("aria-pressed", String(open));
    all.textContent = open ? "Close all shown" : "Open all shown";
  });

  // A link to a credential opens it, and shows it even if a filter hides it.
  function follow() {
    const target = /^#c\d+$/.test(location.hash) && find(location.hash.slice(1));
    if (!target) return;
    target.hidden = false;
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus({ preventScroll: true });
  }
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#c"]');
    if (link && link.hash === location.hash) follow();
  });

  form.hidden = false;
  apply();
  follow();
})();
