"use strict";
const $ = id => document.getElementById(id);
const store = {
  get(key) { try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; } },
  set(key, value) { try { sessionStorage.setItem(key, JSON.stringify(value)); } catch { /* a private window: the page works without */ } },
};
const page = document.body.dataset.page;

/* A label: Back, previous and next keep to the list that the reader came from. */
if (page === "label") {
  const list = store.get("medcalc.list");
  const at = list ? list.uids.indexOf(Number(document.body.dataset.uid)) : -1;
  if (at >= 0) {
    $("back").href = "../index.html" + list.hash;
    $("back").textContent = "← Back to the list" + (list.what ? `: ${list.what}` : "");
    $("place").textContent = `${(at + 1).toLocaleString("en")} of ${list.uids.length.toLocaleString("en")}`;
    for (const [id, uid, text] of [["prev", list.uids[at - 1], u => `← Label ${u}`], ["next", list.uids[at + 1], u => `Label ${u} →`]]) {
      $(id).hidden = uid == null;
      if (uid != null) { $(id).href = `${uid}.html`; $(id).textContent = text(uid); }
    }
  }
}

/* All labels: the hash is the only state, so that Back, reload and a sent link show the same list. The labels come in parts,
   each a script that ran before this one, in the order of the list as it is first shown: column by column, a text that
   several share as its place among `names`. */
if (page === "index") {
  const names = JSON.parse($("data").textContent), parts = self.medcalc ?? [];
  const column = name => parts.flatMap(part => part[name]);
  const [UID, WAS, P, REVIEW, SINCE] = ["uid", "was", "p", "review", "since"].map(column);
  const NOW = column("now").map((text, i) => text ?? WAS[i]);
  let known = 0;
  const WHY = parts.flatMap(part => { const at = known; known += part.whys.length; return part.why.map(n => n + at); });
  names.why = column("whys");
  const SIZE = 50, MORE = 6;
  const FACETS = { state: "State", cause: "Cause", calc: "Calculator", reason: "Decided by", by: "Its own entities", relabel: "Blind relabel", use: "May be used" };
  const OF = { ...Object.fromEntries(Object.keys(FACETS).map(k => [k, column(k)])), why: WHY };
  const TESTS = { changed: ["Changed only", i => WAS[i] !== NOW[i] && NOW[i] !== "no answer"], review: ["Needs review", i => REVIEW[i] === 1], ...(names.last && { since: [`Changed since ${names.last}`, i => SINCE[i] === 1] }) };
  const KEYS = [...Object.keys(FACETS), ...Object.keys(TESTS)];
  const el = (tag, attrs = {}, ...kids) => { const node = document.createElement(tag); for (const [k, v] of Object.entries(attrs)) node.setAttribute(k, v); node.append(...kids); return node; };
  const plain = text => (/[^\0-\x7f]/.test(text) ? text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "") : text).toLowerCase();
  const said = p => p > 100 ? "Yes" : p === -1 ? "No" : p < 0 ? "Open" : `${p}%`;
  let all = false;

  /* By what a list is sorted: a number of each label. A text's is its place among all. */
  const placed = k => () => { const order = new Intl.Collator("en", { numeric: true }), at = []; [...names[k].keys()].sort((a, b) => order.compare(names[k][a], names[k][b])).forEach((n, i, sorted) => { at[n] = i && names[k][n] === names[k][sorted[i - 1]] ? at[sorted[i - 1]] : i; }); return i => at[OF[k][i]]; };
  const SORTS = { uid: () => i => UID[i], calc: placed("calc"), mv: () => i => parseFloat(NOW[i]), state: placed("state"), why: placed("why"), use: placed("use"), p: () => i => P[i] };
  const orders = { "-p": [...UID.keys()] };
  const order = sort => {
    if (!orders[sort]) {
      const sign = sort[0] === "-" ? -1 : 1, key = Float64Array.from(UID.keys(), SORTS[sort.replace("-", "")]());
      orders[sort] = [...UID.keys()].sort((a, b) => (Number.isNaN(key[a]) || Number.isNaN(key[b]) ? Number.isNaN(key[a]) - Number.isNaN(key[b]) : sign * (key[a] - key[b])) || UID[a] - UID[b]);
    }
    return orders[sort];
  };

  /* Which labels have every word: each text is looked through once, however many labels share it. A number is found from its
     first digit on, so that 25.2 is not found in 125.2. */
  let texts = null;
  const read_texts = () => texts ??= { own: UID.map((uid, i) => " " + plain(`${uid} ${WAS[i]} ${NOW[i]}`)), shared: Object.keys(OF).map(k => [OF[k], names[k].map(text => " " + plain(text))]) };
  const find = words => {
    const found = new Uint8Array(UID.length).fill(1);
    for (const word of words) {
      const { own, shared } = read_texts(), wanted = /^[\d.-]/.test(word) ? " " + word : word, here = new Uint8Array(found.length);
      for (const [codes, all] of shared) {
        const hit = all.map(text => text.includes(wanted));
        if (hit.includes(true)) for (let i = 0; i < here.length; i++) if (hit[codes[i]]) here[i] = 1;
      }
      for (let i = 0; i < found.length; i++) if (found[i] && !here[i] && !own[i].includes(wanted)) found[i] = 0;
    }
    return found;
  };

  const read = () => {
    const q = new URLSearchParams(location.hash.slice(1));
    const on = Object.fromEntries(Object.keys(FACETS).map(k => [k, new Set(q.getAll(k))]));
    return { q: q.get("q") ?? "", sort: SORTS[(q.get("sort") ?? "").replace("-", "")] ? q.get("sort") : "-p", page: Math.max(1, Number(q.get("page")) || 1), on, tests: Object.keys(TESTS).filter(k => q.has(k)) };
  };
  const write = (state, replace) => {
    const q = new URLSearchParams();
    if (state.q) q.set("q", state.q);
    for (const [k, set] of Object.entries(state.on)) for (const v of set) q.append(k, v);
    for (const k of state.tests) q.set(k, "1");
    if (state.sort !== "-p") q.set("sort", state.sort);
    if (state.page > 1) q.set("page", state.page);
    history[replace ? "replaceState" : "pushState"](null, "", "#" + q.toString().replaceAll("+", "%20"));
    draw();
  };
  const line = i => el("tr", {},
    el("td", { class: "id" }, el("a", { href: `labels/${UID[i]}.html` }, UID[i])),
    el("td", { class: "calc" }, names.calc[OF.calc[i]]),
    el("td", { class: "mv" }, ...(WAS[i] === NOW[i] ? [el("b", {}, NOW[i])] : [el("s", {}, WAS[i]), " → ", el("b", {}, NOW[i])])),
    el("td", { class: "st" }, el("span", { class: `chip ${names.chips[OF.state[i]]}` }, names.state[OF.state[i]])),
    el("td", { class: "why" }, el("span", {}, names.why[WHY[i]])),
    el("td", { class: "use" }, names.use[OF.use[i]]),
    el("td", { class: "num pwc" }, said(P[i])));

  let list = null;  /* as a label needs it: written when the reader leaves, or rests */
  const keep = () => { if (list) store.set("medcalc.list", { ...list, uids: list.uids.map(i => UID[i]) }); list = null; };

  function draw() {
    const s = read(), found = find(plain(s.q).split(/\s+/).filter(Boolean));
    const keeps = k => k in FACETS ? (yes => i => yes[OF[k][i]])(names[k].map(v => s.on[k].has(v))) : TESTS[k][1];
    const active = KEYS.filter(k => k in FACETS ? s.on[k].size : s.tests.includes(k)).map(k => [k, keeps(k)]);
    const view = [], near = Object.fromEntries(KEYS.map(k => [k, []]));
    for (const i of order(s.sort)) {
      if (!found[i]) continue;
      const out = active.length ? active.filter(([, fits]) => !fits(i)) : active;
      if (!out.length) view.push(i);
      else if (out.length === 1) near[out[0][0]].push(i);
    }
    /* One that a single filter keeps out counts for that filter: a count is what would be there. */
    const counts = Object.fromEntries(KEYS.map(k => {
      const counted = new Uint32Array(names[k]?.length ?? 1), codes = OF[k];
      for (const each of [view, near[k]]) for (const i of each) if (codes) counted[codes[i]]++; else if (TESTS[k][1](i)) counted[0]++;
      return [k, counted];
    }));
    const down = s.sort[0] === "-", last = Math.max(1, Math.ceil(view.length / SIZE)), at = Math.min(s.page, last), from = (at - 1) * SIZE;
    document.querySelector(".rows tbody").replaceChildren(...view.slice(from, from + SIZE).map(line));
    $("count").replaceChildren(el("b", {}, view.length.toLocaleString("en")), view.length === UID.length ? " labels" : ` of ${UID.length.toLocaleString("en")} labels`);
    $("empty").hidden = view.length > 0;
    document.querySelector(".rows").hidden = !view.length;
    $("pages").hidden = last === 1;
    $("range").textContent = `${(from + 1).toLocaleString("en")} to ${Math.min(from + SIZE, view.length).toLocaleString("en")} of ${view.length.toLocaleString("en")}`;
    $("before").disabled = at === 1;
    $("after").disabled = at === last;
    for (const th of document.querySelectorAll(".rows th")) { th.removeAttribute("aria-sort"); if (th.dataset.key === s.sort.replace("-", "")) th.setAttribute("aria-sort", down ? "descending" : "ascending"); }
    const applied = [...s.tests.map(k => [TESTS[k][0], () => write({ ...s, tests: s.tests.filter(x => x !== k), page: 1 })]), ...Object.entries(s.on).flatMap(([k, set]) => [...set].map(v => [v, () => { set.delete(v); write({ ...s, page: 1 }); }]))];
    $("applied").replaceChildren($("count"), ...applied.map(([text, off]) => { const b = el("button", { type: "button", "aria-label": `Take off: ${text}` }, `${text} ×`); b.addEventListener("click", off); return b; }));
    facets(s, counts);
    list = { hash: location.hash, uids: view, what: [s.q && `“${s.q}”`, ...applied.map(([text]) => text)].filter(Boolean).join(", ") };
    setTimeout(() => { keep(); read_texts(); }, 300);
  }
  function facets(s, counts) {
    const focus = document.activeElement?.dataset?.box;
    const box = (id, text, n, on, flip) => {
      const input = el("input", { type: "checkbox", "data-box": id });
      input.checked = on;
      input.addEventListener("change", () => flip(input.checked));
      return el("label", n ? {} : { class: "zero" }, input, el("span", {}, text), el("span", {}, n.toLocaleString("en")));
    };
    const sets = [el("fieldset", {}, el("legend", {}, "Show"), ...Object.entries(TESTS).map(([k, [text]]) => box(k, text, counts[k][0], s.tests.includes(k), on => write({ ...s, tests: on ? [...s.tests, k] : s.tests.filter(x => x !== k), page: 1 }))))];
    for (const [k, title] of Object.entries(FACETS)) {
      const values = names[k].map((v, i) => [v, counts[k][i]]);
      if (k === "calc") values.sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0], "en"));
      const shown = k === "calc" && !all ? values.filter(([v], i) => i < MORE || s.on[k].has(v)) : values;
      const set = el("fieldset", {}, el("legend", {}, title), ...shown.map(([v, n]) => box(`${k} ${v}`, v, n, s.on[k].has(v), on => { s.on[k][on ? "add" : "delete"](v); write({ ...s, page: 1 }); })));
      if (values.length > shown.length) { const b = el("button", { type: "button", class: "plain more" }, `${values.length - shown.length} more`); b.addEventListener("click", () => { all = true; draw(); }); set.append(b); }
      sets.push(set);
    }
    $("boxes").replaceChildren(...sets);
    if (focus) document.querySelector(`[data-box="${CSS.escape(focus)}"]`)?.focus();
  }

  for (const th of document.querySelectorAll(".rows th")) {
    const button = el("button", { type: "button", class: "sort" }, th.textContent);
    th.replaceChildren(button);
    button.addEventListener("click", () => { const s = read(), k = th.dataset.key, first = k === "p" ? "-p" : k, other = k === "p" ? "p" : `-${k}`; write({ ...s, page: 1, sort: s.sort === first ? other : first }); });
  }
  $("text").addEventListener("input", () => write({ ...read(), q: $("text").value.trim(), page: 1 }, true));
  $("filter").addEventListener("submit", event => event.preventDefault());
  $("clear").addEventListener("click", () => { history.pushState(null, "", "#"); again(); });
  const turn = by => { const s = read(); write({ ...s, page: s.page + by }); document.querySelector(".rows").scrollIntoView(); };
  $("before").addEventListener("click", () => turn(-1));
  $("after").addEventListener("click", () => turn(1));
  const again = () => { $("text").value = read().q; draw(); };
  for (const event of ["hashchange", "pageshow"]) addEventListener(event, again);
  addEventListener("pagehide", keep);
  addEventListener("keydown", event => { if (event.key === "/" && !event.target.closest("input[type=search]")) { event.preventDefault(); $("text").focus(); } });
  const wide = matchMedia("(min-width: 80rem)"), fold = () => { $("facets").open = wide.matches; };
  wide.addEventListener("change", fold);
  fold();
}

/* Tables that sort: the head is a button, a cell may carry data-v. */
for (const table of document.querySelectorAll("table.sortable")) {
  for (const [at, th] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...th.childNodes);
    th.append(button);
    button.addEventListener("click", () => {
      const down = th.getAttribute("aria-sort") !== "descending";
      for (const other of th.parentNode.cells) other.removeAttribute("aria-sort");
      th.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = row => row.cells[at].dataset.v ?? row.cells[at].textContent;
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => (down ? -1 : 1) * value(a).localeCompare(value(b), "en", { numeric: true })));
    });
  }
}

/* What a link within a fold points to is shown, and all folds are in print but the tables behind charts. */
const unfold = () => { for (let each = location.hash && document.querySelector(`[id="${CSS.escape(location.hash.slice(1))}"]`); each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true; };
if (page !== "index") { addEventListener("hashchange", unfold); unfold(); }
addEventListener("beforeprint", () => { for (const each of document.querySelectorAll("main details:not(.alt)")) each.open = true; });
