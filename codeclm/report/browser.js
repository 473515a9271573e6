"use strict";
// Whatever models wrote becomes text here and never markup: elements are made by name, their texts by textContent.
(() => {
  const PAGE = 50;
  const live = document.body.dataset.live === "yes";
  const at = (id) => document.getElementById(id);
  const list = at("list"), found = at("found"), more = at("more");
  // Controls and marks that turn the direction of text show as their escapes.
  const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

  const plain = (text) =>
    String(text).replace(HIDDEN, (letter) => "\\u" + letter.charCodeAt(0).toString(16).padStart(4, "0"));

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined && text !== null) made.textContent = plain(text);
    return made;
  };

  const wanted = () => ({
    query: at("query").value.trim().toLowerCase(),
    fate: at("fate").value,
    iteration: at("iteration").value,
    responder: at("responder").value,
    use_case: at("use-case").value,
    order: at("order") ? at("order").value : "",
  });

  // Where examples come from: the data of this page, or its server.
  const texts = (one) => {
    const parts = [one.id, one.use_case, ...one.skills, one.reason, one.raw, one.seed_id, one.response, one.stage];
    for (const round of one.rounds) parts.push(round.instruction, round.action, round.strong, round.target);
    return parts.filter(Boolean).join("\n").toLowerCase();
  };

  const ORDERS = {
    high: (a, b) => (b.gap ?? -Infinity) - (a.gap ?? -Infinity),
    low: (a, b) => (a.gap ?? Infinity) - (b.gap ?? Infinity),
    long: (a, b) => longest(b) - longest(a),
  };
  const longest = (one) => (one.rounds.length ? one.rounds[one.rounds.length - 1].instruction.length : 0);

  const here = () => {
    const rows = JSON.parse(at("data").textContent);
    const haystacks = new Map();
    const hay = (one) => {
      if (!haystacks.has(one.id)) haystacks.set(one.id, texts(one));
      return haystacks.get(one.id);
    };
    const fits = (one, w) =>
      (!w.fate || one.fate === w.fate) &&
      (!w.iteration || String(one.iteration) === w.iteration) &&
      (!w.responder || one.responder === w.responder) &&
      (!w.use_case || one.use_case === w.use_case) &&
      (!w.query || hay(one).includes(w.query));
    return {
      page: async (w, from) => {
        const fitting = rows.filter((one) => fits(one, w));
        if (ORDERS[w.order]) fitting.sort(ORDERS[w.order]);
        const next = from + PAGE < fitting.length ? from + PAGE : null;
        return { rows: fitting.slice(from, from + PAGE), next, words: `${fitting.length.toLocaleString("en")} examples` };
      },
      whole: async (one) => one,
      first: 0,
    };
  };

  const ask = async (path, values) => {
    const answer = await fetch(`${path}?${new URLSearchParams(values)}`);
    if (!answer.ok) throw new Error(`the server says ${answer.status}`);
    return answer.json();
  };

  const served = () => ({
    page: (w, from) => ask("examples", { ...w, before: from }),
    whole: (one) => ask("example", { number: one.number, id: one.id }),
    first: "",
  });

  const source = live ? served() : here();

  // The list.
  const fresh = at("fresh");
  let next = null, turn = 0, shown = 0, seen = 0;

  const about = (one) =>
    [one.gap === null ? "" : `gap ${one.gap}`, one.responder, one.iteration ? `iteration ${one.iteration}` : ""]
      .filter(Boolean)
      .join(" · ");

  const item = (one) => {
    const row = element("li"), details = element("details"), summary = element("summary");
    summary.append(element("span", `fate ${one.fate}`, one.fate), element("span", "line", one.instruction), element("span", "about", about(one)));
    details.append(summary);
    details.addEventListener("toggle", () => fill(details, one), { once: true });
    row.id = `example-${one.id}`;
    row.append(details);
    return row;
  };

  const fill = async (details, one) => {
    try {
      details.append(lineage(await source.whole(one)));
    } catch (error) {
      details.append(element("p", "warning", error.message));
    }
  };

  const show = async (from) => {
    const mine = ++turn;
    try {
      const page = await source.page(wanted(), from);
      if (mine !== turn) return;
      if (from === source.first) list.replaceChildren();
      list.append(...page.rows.map(item));
      next = page.next;
      shown = from === source.first ? page.rows.length : shown + page.rows.length;
      seen = page.rows_in_all ?? seen;
      fresh.hidden = true;
      found.textContent = live ? `${shown.toLocaleString("en")} examples; ${page.words}` : page.words;
      more.hidden = next === null;
      // The server looks for so long and no longer; one page is filled whatever that takes.
      if (live && next !== null && shown % PAGE !== 0) await show(next);
    } catch (error) {
      if (mine === turn) found.textContent = `Nothing can be shown: ${error.message}`;
    }
  };

  // One example.
  const pairs = (entries) => {
    const made = element("dl");
    for (const [name, value] of entries)
      if (value !== null && value !== undefined && value !== "") made.append(element("dt", "", name), element("dd", "", value));
    return made;
  };

  const text = (label, value, chosen) => {
    const made = element("div");
    made.append(element("p", "label", label), element("div", chosen ? "text chosen" : "text", value));
    return made;
  };

  const scored = (name, scores) => (scores.length ? `${name}: ${scores.join(" and ")} of the judge` : name);

  const round = (one, chosen) => {
    const made = document.createDocumentFragment();
    made.append(element("h3", "", `Iteration ${one.number}`));
    if (one.action) made.append(text("action", one.action));
    made.append(text("instruction", one.instruction));
    const sides = element("div", "sides");
    if (one.strong !== null || one.strong_scores.length)
      sides.append(text(scored("strong", one.strong_scores), one.strong ?? "(not on record)", chosen === "strong"));
    if (one.target !== null || one.target_scores.length)
      sides.append(text(scored("target", one.target_scores), one.target ?? "(not on record)", chosen === "target"));
    made.append(sides, element("p", "soft", one.words));
    return made;
  };

  const calls = (one) => {
    const made = element("details"), table = element("table"), head = element("tr"), wide = element("div", "wide");
    made.append(element("summary", "", `Calls: ${one.cost}`), wide);
    wide.append(table);
    table.append(head);
    for (const name of ["stage", "model", "iteration", "input", "output", "cost"]) head.append(element("th", "", name));
    for (const call of one.calls) {
      const row = element("tr");
      for (const value of call) row.append(element("td", "", value === null ? "–" : value));
      table.append(row);
    }
    return made;
  };

  const lineage = (one) => {
    const made = element("div", "whole");
    const seed = one.seed_id === null ? "none: it was not made from one seed" : one.seed_id;
    made.append(
      pairs([["id", one.id], ["fate", one.fate], ["reason", one.reason], ["failed in stage", one.stage], ["use case", one.use_case],
        ["skills", one.skills.join(", ")], ["seed", one.seed === null ? seed : `${seed}: ${one.seed}`],
        ["calls", one.calls === null ? one.cost : null]]),
    );
    one.rounds.forEach((each, index) => made.append(round(each, index === one.rounds.length - 1 ? one.responder : "")));
    const last = one.rounds[one.rounds.length - 1];
    if (one.response !== null && (!last || last[one.responder] !== one.response)) made.append(text("response", one.response, true));
    if (one.raw) made.append(text("the text that was at fault", one.raw));
    if (one.calls !== null) made.append(calls(one));
    return made;
  };

  // What the reader does.
  let waiting;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => show(source.first), 150);
  };
  at("search").addEventListener("input", soon);
  at("search").addEventListener("submit", (event) => {
    event.preventDefault();
    show(source.first);
  });
  more.addEventListener("click", () => show(next));
  fresh.addEventListener("click", () => show(source.first));

  const follow = async () => {
    const id = decodeURIComponent(location.hash).match(/^#example-(\w+)$/);
    if (!id) return;
    at("query").value = id[1];
    await show(source.first);
    const row = document.getElementById(`example-${id[1]}`);
    if (!row) return;
    row.querySelector("details").open = true;
    row.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  if (/^#example-/.test(location.hash)) follow();
  else show(source.first);

  // New figures, while somebody looks. A document that is asked for runs nothing, and the page's policy holds in it.
  let version = document.body.dataset.version;
  const refresh = () => {
    const request = new XMLHttpRequest();
    const again = (milliseconds) => setTimeout(refresh, milliseconds);
    request.open("GET", `figures?known=${encodeURIComponent(version)}`);
    request.responseType = "document";
    request.onload = () => {
      const figures = request.status === 200 && request.responseXML && request.responseXML.getElementById("figures");
      if (figures) {
        version = request.getResponseHeader("X-Version") || "";
        at("figures").replaceWith(document.adoptNode(figures));
        const added = Number(figures.dataset.rows) - seen;
        fresh.hidden = !(added > 0 && seen);
        fresh.textContent = `Show ${added.toLocaleString("en")} new rows`;
      }
      again(document.hidden ? 10000 : 2000);
    };
    request.onerror = () => {
      const words = at("figures").querySelector(".said");
      if (words) words.textContent = "The server of this page has ended: these are the figures it showed last.";
      again(10000);
    };
    request.send();
  };
  if (live) setTimeout(refresh, 2000);
})();
