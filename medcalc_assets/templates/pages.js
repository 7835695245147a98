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

/* All labels: the hash is the only state, so that Back, reload and a sent link show the same list. */
if (page === "index") {
  const { rows, ...names } = JSON.parse($("data").textContent);
  const [UID, CALC, WAS, NOW, STATE, REASON, CAUSE, BY, RELABEL, USE, P, REVIEW, SINCE, WHY] = rows.length ? rows[0].keys() : [];
  const SIZE = 50, MORE = 6;
  const FACETS = { state: [STATE, "State"], cause: [CAUSE, "Cause"], calc: [CALC, "Calculator"], reason: [REASON, "Decided by"], by: [BY, "Its own entities"], relabel: [RELABEL, "Blind relabel"], use: [USE, "May be used"] };
  const TESTS = { changed: ["Changed only", r => r[WAS] !== r[NOW] && r[NOW] !== "no answer"], review: ["Needs review", r => r[REVIEW] === 1], ...(names.last && { since: [`Changed since ${names.last}`, r => r[SINCE] === 1] }) };
  const SORTS = { uid: r => r[UID], calc: r => names.calc[r[CALC]], mv: r => parseFloat(r[NOW]), state: r => names.state[r[STATE]], why: r => names.why[r[WHY]], use: r => names.use[r[USE]], p: r => r[P] };
  const KEYS = [...Object.keys(FACETS), ...Object.keys(TESTS)];
  const el = (tag, attrs = {}, ...kids) => { const node = document.createElement(tag); for (const [k, v] of Object.entries(attrs)) node.setAttribute(k, v); node.append(...kids); return node; };
  const plain = text => text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const hay = rows.map(r => " " + plain([r[UID], r[WAS], r[NOW], ...Object.entries(FACETS).map(([k, [at]]) => names[k][r[at]]), names.why[r[WHY]]].join(" ")));
  const said = p => p > 100 ? "Yes" : p === -1 ? "No" : p < 0 ? "Open" : `${p}%`;
  let all = false;

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
  /* A number is found from its first digit on, so that 25.2 is not found in 125.2. */
  const matcher = words => { const wanted = words.map(w => /^[\d.-]/.test(w) ? " " + w : w); return text => wanted.every(w => text.includes(w)); };
  const line = r => el("tr", {},
    el("td", { class: "id" }, el("a", { href: `labels/${r[UID]}.html` }, r[UID])),
    el("td", { class: "calc" }, names.calc[r[CALC]]),
    el("td", { class: "mv" }, ...(r[WAS] === r[NOW] ? [el("b", {}, r[NOW])] : [el("s", {}, r[WAS]), " → ", el("b", {}, r[NOW])])),
    el("td", { class: "st" }, el("span", { class: `chip ${names.chips[r[STATE]]}` }, names.state[r[STATE]])),
    el("td", { class: "why" }, el("span", {}, names.why[r[WHY]])),
    el("td", { class: "use" }, names.use[r[USE]]),
    el("td", { class: "num pwc" }, said(r[P])));

  function draw() {
    const s = read(), found = matcher(plain(s.q).split(/\s+/).filter(Boolean));
    const wanted = Object.fromEntries(Object.entries(FACETS).map(([k]) => [k, s.on[k].size ? new Set(names[k].flatMap((v, i) => s.on[k].has(v) ? [i] : [])) : null]));
    const counts = Object.fromEntries(KEYS.map(k => [k, new Map()]));
    const view = [], active = KEYS.filter(k => k in FACETS ? wanted[k] : s.tests.includes(k));
    rows.forEach((r, i) => {
      if (!found(hay[i])) return;
      /* One that a single filter keeps out counts for that filter: a count is what would be there. */
      const out = active.filter(k => k in FACETS ? !wanted[k].has(r[FACETS[k][0]]) : !TESTS[k][1](r));
      if (!out.length) view.push(r);
      if (out.length < 2) for (const k of out.length ? out : KEYS) { const v = k in FACETS ? r[FACETS[k][0]] : TESTS[k][1](r); counts[k].set(v, (counts[k].get(v) ?? 0) + 1); }
    });
    const key = SORTS[s.sort.replace("-", "")], sign = s.sort[0] === "-" ? -1 : 1, order = new Intl.Collator("en", { numeric: true });
    view.sort((a, b) => { const x = key(a), y = key(b); return (typeof x === "string" ? sign * order.compare(x, y) : Number.isNaN(x) || Number.isNaN(y) ? Number.isNaN(x) - Number.isNaN(y) : sign * (x - y)) || a[UID] - b[UID]; });
    const last = Math.max(1, Math.ceil(view.length / SIZE)), at = Math.min(s.page, last), from = (at - 1) * SIZE;
    document.querySelector(".rows tbody").replaceChildren(...view.slice(from, from + SIZE).map(line));
    $("count").replaceChildren(el("b", {}, view.length.toLocaleString("en")), view.length === rows.length ? " labels" : ` of ${rows.length.toLocaleString("en")} labels`);
    $("empty").hidden = view.length > 0;
    document.querySelector(".rows").hidden = !view.length;
    $("pages").hidden = last === 1;
    $("range").textContent = `${(from + 1).toLocaleString("en")} to ${Math.min(from + SIZE, view.length).toLocaleString("en")} of ${view.length.toLocaleString("en")}`;
    $("before").disabled = at === 1;
    $("after").disabled = at === last;
    for (const th of document.querySelectorAll(".rows th")) { th.removeAttribute("aria-sort"); if (th.dataset.key === s.sort.replace("-", "")) th.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending"); }
    const applied = [...s.tests.map(k => [TESTS[k][0], () => write({ ...s, tests: s.tests.filter(x => x !== k), page: 1 })]), ...Object.entries(s.on).flatMap(([k, set]) => [...set].map(v => [v, () => { set.delete(v); write({ ...s, page: 1 }); }]))];
    $("applied").replaceChildren($("count"), ...applied.map(([text, off]) => { const b = el("button", { type: "button", "aria-label": `Take off: ${text}` }, `${text} ×`); b.addEventListener("click", off); return b; }));
    facets(s, counts);
    store.set("medcalc.list", { hash: location.hash, uids: view.map(r => r[UID]), what: [s.q && `“${s.q}”`, ...applied.map(([text]) => text)].filter(Boolean).join(", ") });
  }
  function facets(s, counts) {
    const focus = document.activeElement?.dataset?.box;
    const box = (id, text, n, on, flip) => {
      const input = el("input", { type: "checkbox", "data-box": id });
      input.checked = on;
      input.addEventListener("change", () => flip(input.checked));
      return el("label", n ? {} : { class: "zero" }, input, el("span", {}, text), el("span", {}, n.toLocaleString("en")));
    };
    const sets = [el("fieldset", {}, el("legend", {}, "Show"), ...Object.entries(TESTS).map(([k, [text]]) => box(k, text, counts[k].get(true) ?? 0, s.tests.includes(k), on => write({ ...s, tests: on ? [...s.tests, k] : s.tests.filter(x => x !== k), page: 1 }))))];
    for (const [k, [, title]] of Object.entries(FACETS)) {
      const values = names[k].map((v, i) => [v, counts[k].get(i) ?? 0]);
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
  addEventListener("keydown", event => { if (event.key === "/" && !event.target.closest("input[type=search]")) { event.preventDefault(); $("text").focus(); } });
  const wide = matchMedia("(min-width: 78rem)"), fold = () => { $("facets").open = wide.matches; };
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
