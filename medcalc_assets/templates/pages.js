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

/* What a link within a fold points to is shown, and all folds are in print. */
const unfold = () => { for (let each = location.hash && document.querySelector(`[id="${CSS.escape(location.hash.slice(1))}"]`); each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true; };
if (page !== "index") { addEventListener("hashchange", unfold); unfold(); }
addEventListener("beforeprint", () => { for (const each of document.querySelectorAll("main details")) each.open = true; });
