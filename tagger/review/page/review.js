"use strict";
// The page holds a window of questions, in the order of the server, and asks for more when its end comes near.
// All text is set as text: nothing of a catalogue is ever taken for HTML.

const $ = (id) => document.getElementById(id);
const state = { reviewer: "", items: [], at: 0, total: 0, isBusy: false, found: [], chosen: 0, asked: 0 };

function text(id, value) { $(id).textContent = value ?? ""; }

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Tagger-Review": "1" },
    body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("the service does not answer; is `tagger review serve` still running? The decision was not saved.");
  }
  const plain = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const detail = Array.isArray(plain.detail) ? plain.detail.map((d) => d.msg).join("; ") : plain.detail;
    throw new Error(detail || `the service answered ${answer.status}`);
  }
  return plain;
}

function fail(error) { text("error", error.message); $("error").hidden = false; }
function well() { $("error").hidden = true; }

// Reviewer ------------------------------------------------------------------------------------------------------------

function nameFromBefore() {
  const asked = new URLSearchParams(location.search).get("reviewer");
  if (asked) return asked;
  const kept = document.cookie.split("; ").find((c) => c.startsWith("reviewer="));
  try { return kept ? decodeURIComponent(kept.slice("reviewer=".length)) : ""; } catch { return ""; }
}

function takeName(name) {
  state.reviewer = name.split(/\s+/).filter(Boolean).join(" ").slice(0, 60);
  document.cookie = `reviewer=${encodeURIComponent(state.reviewer)}; path=/; max-age=31536000; SameSite=Strict`;
  text("rename", state.reviewer);
  load();
}

function askName() {
  $("name").value = state.reviewer;
  $("name-dialog").showModal();
  $("name").select();
}

// Questions -----------------------------------------------------------------------------------------------------------

function query(after) {
  const values = new URLSearchParams({ reviewer: state.reviewer, state: $("state").value, after, limit: 20 });
  if ($("taxonomy").value) values.set("taxonomy", $("taxonomy").value);
  if ($("below").value) values.set("below", $("below").value);
  if ($("untagged").checked) values.set("untagged", "true");
  if ($("q").value.trim()) values.set("q", $("q").value.trim());
  return `/api/items?${values}`;
}

async function load() {
  const asked = ++state.asked;
  try {
    const [page, progress] = await Promise.all([ask(query(-1)), ask("/api/progress")]);
    if (asked !== state.asked) return;  // a later filter has overtaken this one
    well();
    state.items = page.items;
    state.total = page.total;
    state.at = 0;
    showProgress(progress);
    show();
  } catch (error) { fail(error); }
}

async function more() {
  const last = state.items[state.items.length - 1];
  if (!last) return;
  const asked = state.asked;
  const page = await ask(query(last.place));
  if (asked === state.asked) state.items.push(...page.items);
}

function showProgress(progress) {
  const mine = progress.reviewers.find((r) => r.name === state.reviewer) ?? { n_items: 0, n_served: 0 };
  $("bar").value = progress.n_items ? mine.n_items / progress.n_items : 0;
  const others = progress.reviewers.filter((r) => r.name !== state.reviewer).map((r) => `${r.name} ${r.n_items}`);
  text("progress", `${mine.n_items} of ${progress.n_items} decided, serving ${mine.n_served} of ${progress.n_served}` +
    (others.length ? ` · ${others.join(", ")}` : ""));
  const menu = $("taxonomy");
  for (const name of progress.taxonomies) {
    if ([...menu.options].some((o) => o.value === name)) continue;
    const option = document.createElement("option");
    option.value = option.textContent = name;
    menu.append(option);
  }
}

function describe(decision) {
  const what = decision.decision === "change" ? `change to ${decision.change_to.join(", ")}` : decision.decision;
  return decision.comment ? `${what} (${decision.comment})` : what;
}

function show() {
  const item = state.items[state.at];
  $("card").hidden = !item;
  $("empty").hidden = Boolean(item);
  text("total", state.total === 1 ? "1 question" : `${state.total} questions`);
  if (!item) {
    text("empty", $("state").value === "open" ? "Nothing is open here. Thank you." : "Nothing to show.");
    return;
  }
  $("card").dataset.item = item.id;
  text("title", item.title || item.credential);
  text("ids", item.outcome);
  $("outcome").replaceChildren(...item.segments.map(([piece, isEvidence]) => {
    const node = document.createElement(isEvidence ? "mark" : "span");
    node.textContent = piece;
    return node;
  }));
  text("code", item.code);
  text("label", item.concept === null ? "no tag" : item.label);
  text("in", `in ${item.taxonomies.join(", ")}`);
  text("score", item.score === null ? "" : `score ${item.score.toFixed(2)}`);
  text("why", item.why);
  $("also").hidden = !item.also.length;
  $("also").querySelector("summary").textContent = `also serves ${item.also.length} other wording${item.also.length > 1 ? "s" : ""}`;
  $("also").querySelector("ul").replaceChildren(...item.also.map(line));
  $("verdict").className = item.mine ? item.mine.decision : "";
  text("verdict", item.mine ? `You: ${describe(item.mine)}` : "");
  const others = Object.entries(item.others).map(([name, d]) => line(`${name}: ${describe(d)}`));
  if (!item.mine && item.n_others) others.push(line(`${item.n_others} other reviewer${item.n_others > 1 ? "s" : ""} decided`));
  $("others").replaceChildren(...others);
  $("comment").value = item.mine?.comment ?? "";
  $("comment-box").hidden = !$("comment").value;
}

function line(value) {
  const node = document.createElement("li");
  node.textContent = value;
  return node;
}

async function go(step) {
  const to = state.at + step;
  if (to < 0) return;
  try {
    if (to >= state.items.length - 5) await more();
    if (to < state.items.length) { state.at = to; show(); $("main").focus(); }
  } catch (error) { fail(error); }
}

// Decisions -----------------------------------------------------------------------------------------------------------

async function decide(decision, changeTo = []) {
  const item = state.items[state.at];
  if (!item || state.isBusy) return;
  state.isBusy = true;
  try {
    const comment = $("comment").value.trim() || null;
    const done = await ask("/api/decide", { item: item.id, reviewer: state.reviewer, decision, change_to: changeTo, comment });
    well();
    Object.assign(item, done.item);
    showProgress(done.progress);
    show();
    if (state.at + 1 >= state.items.length) await more();
    if (state.at + 1 < state.items.length) await go(1);
  } catch (error) { fail(error); } finally { state.isBusy = false; }
}

async function undo() {
  if (state.isBusy) return;
  state.isBusy = true;
  try {
    const done = await ask("/api/undo", { reviewer: state.reviewer });
    well();
    showProgress(done.progress);
    if (!done.item) return;
    const at = state.items.findIndex((i) => i.id === done.item.id);
    if (at < 0) { state.items.splice(state.at, 0, { place: state.items[state.at]?.place ?? 0, ...done.item }); }
    else { Object.assign(state.items[at], done.item); state.at = at; }
    show();
  } catch (error) { fail(error); } finally { state.isBusy = false; }
}

function write() { $("comment-box").hidden = false; $("comment").focus(); }

// Concepts ------------------------------------------------------------------------------------------------------------

function openChange() {
  if (!state.items[state.at]) return;
  $("concept-q").value = "";
  $("change-dialog").showModal();
  search();
}

async function search() {
  const item = state.items[state.at];
  const wanted = $("concept-q").value;
  try {
    const values = new URLSearchParams({ taxonomy: item.taxonomies.join("; "), q: wanted });
    const answer = await ask(`/api/concepts?${values}`);
    if (wanted !== $("concept-q").value) return;
    state.found = answer.concepts.filter((c) => c.id !== item.concept);
    state.chosen = 0;
    showConcepts();
  } catch (error) { $("change-dialog").close(); fail(error); }
}

function showConcepts() {
  $("concepts").replaceChildren(...state.found.map((concept, n) => {
    const node = line(concept.code ? `${concept.code} ${concept.label}` : concept.label);
    node.id = `concept-${n}`;
    node.setAttribute("role", "option");
    node.setAttribute("aria-selected", String(n === state.chosen));
    if (concept.description) {
      const small = document.createElement("small");
      small.textContent = concept.description;
      node.append(small);
    }
    node.addEventListener("click", () => { state.chosen = n; take(false); });
    return node;
  }));
  const chosen = $(`concept-${state.chosen}`);
  if (chosen) { $("concept-q").setAttribute("aria-activedescendant", chosen.id); chosen.scrollIntoView({ block: "nearest" }); }
}

function take(keeps) {
  const concept = state.found[state.chosen];
  const item = state.items[state.at];
  if (!concept) return;
  $("change-dialog").close();
  decide("change", keeps && item.concept !== null ? [item.concept, concept.id] : [concept.id]);
}

async function showAgreement() {
  try {
    const found = await ask("/api/agreement");
    text("agreement", found.agreement);
    $("conflicts").replaceChildren(...found.conflicts.map(line));
    $("agreement-dialog").showModal();
  } catch (error) { fail(error); }
}

// Keys ----------------------------------------------------------------------------------------------------------------

const ACTIONS = {
  accept: () => decide("accept"), reject: () => decide("reject"), change: openChange, comment: write, undo,
  next: () => go(1), previous: () => go(-1),
};
const KEYS = { a: "accept", r: "reject", c: "change", m: "comment", u: "undo", j: "next", k: "previous" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const field = event.target.closest?.("input, textarea, select");
  if (field) {
    if (event.key === "Escape") { field.blur(); event.preventDefault(); }
    return;
  }
  if (event.key === "?") { $("help-dialog").showModal(); event.preventDefault(); return; }
  if (event.key === "/") { $("q").focus(); event.preventDefault(); return; }
  const name = KEYS[event.key.toLowerCase()];
  if (name && state.reviewer) { event.preventDefault(); if (!event.repeat || name === "next" || name === "previous") ACTIONS[name](); }
});

$("concept-q").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    state.chosen = Math.max(0, Math.min(state.found.length - 1, state.chosen + step));
    showConcepts();
    event.preventDefault();
  } else if (event.key === "Enter") { take(event.ctrlKey); event.preventDefault(); }
});

let waiting = 0;
function later(action) { clearTimeout(waiting); waiting = setTimeout(action, 150); }
$("concept-q").addEventListener("input", () => later(search));
$("filters").addEventListener("input", () => later(load));
$("filters").addEventListener("submit", (event) => event.preventDefault());
for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", () => ACTIONS[button.dataset.do]());
$("rename").addEventListener("click", askName);
$("show-help").addEventListener("click", () => $("help-dialog").showModal());
$("show-agreement").addEventListener("click", showAgreement);
$("name-dialog").addEventListener("close", () => { if ($("name").value.trim()) takeName($("name").value); else if (!state.reviewer) askName(); });

const before = nameFromBefore();
if (before) takeName(before); else askName();
