"use strict";
/* Saves at every change, one request at a time, and says how the server reads the value. Without it the page works, too. */
const $ = id => document.getElementById(id), form = $("answer"), value = $("value"), cannot = $("cannot_be_computed");
const typed = () => new URLSearchParams(new FormData(form));
let wanted = false, busy = false, fails = false, saved = Promise.resolve();

function say(answer) {
  const { value: read, faults, saved_at } = answer;
  $("saved").textContent = `Saved ${saved_at.slice(11, 19)} UTC`;
  $("withdraw").hidden = ![...typed().values()].some(text => text.trim());
  if (value) {
    $("read").className = "read small" + (read ? (read.is_fault || read.is_unusual ? " warn" : " ok") : "");
    $("read").replaceChildren(read ? (read.is_fault || read.is_unusual ? "" : "✓ ") + read.said : "", ...(read ? read.offers : []).map(offer => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = offer;
      button.addEventListener("click", () => { value.value = offer; value.focus(); save(); });
      return button;
    }));
    value.setAttribute("aria-invalid", String(Boolean(read && read.is_fault)));
  }
  const both = value && value.value.trim() && cannot.checked;
  $("faults").hidden = !both;
  $("faults").textContent = both ? faults.join(" ") : "";
  const why = document.querySelector(".why");
  if (why) why.hidden = !cannot.checked && !$("missing_input").value;
}

async function saving() {
  while (wanted) {
    wanted = false;
    const body = typed(), keepalive = String(body).length < 60000;  // what leaves with the page may have no more
    try {
      const answer = await fetch(location.pathname, { method: "POST", body, headers: { Accept: "application/json" }, keepalive });
      if (!answer.ok) throw new Error(String(answer.status));
      const told = await answer.json();
      fails = false;
      if (!wanted) say(told);
    } catch {
      fails = wanted = true;
      $("saved").textContent = "Not saved: the desk does not answer. Leave this page open; it tries again.";
      await new Promise(resolve => setTimeout(resolve, 1000));
    }
  }
  busy = false;
}

function save() {
  wanted = true;
  if (busy) return;
  busy = true;
  $("saved").textContent = "Saving …";
  saved = saving();
}

/* Nothing leaves the page before it is saved, so that no older save can come after. */
form.addEventListener("input", save);
if (value && value.value !== value.defaultValue) save();  // typed before this script was there
form.addEventListener("submit", event => {
  if (!busy) return;
  event.preventDefault();
  saved.then(() => form.requestSubmit(event.submitter));
});
addEventListener("click", event => {
  const link = event.target.closest("a[href]");
  if (!busy || !link || link.hash) return;
  event.preventDefault();
  saved.then(() => { location.href = link.href; });
});
addEventListener("beforeunload", event => { if (fails) event.preventDefault(); });
if (cannot) {
  document.querySelector(".why").hidden = !cannot.checked && !$("missing_input").value;
  cannot.addEventListener("change", () => { document.querySelector(".why").hidden = !cannot.checked; if (cannot.checked) $("missing_input").focus(); });
}

const typing = target => target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select");
$("help").hidden = false;
$("help").addEventListener("click", () => $("keys").showModal());
$("keys-close").addEventListener("click", () => $("keys").close());
try { $("keys-on").checked = sessionStorage.getItem("keys") !== "off"; } catch { /* private window */ }
$("keys-on").addEventListener("change", () => { try { sessionStorage.setItem("keys", $("keys-on").checked ? "on" : "off"); } catch { /* private window */ } });
const go = () => $("go").disabled ? $("next").click() : form.requestSubmit($("go"));  // once it is released, nothing is answered
addEventListener("keydown", event => {
  if (event.key === "Enter" && event.ctrlKey) return go();
  if (event.key === "Escape" && typing(event.target)) return event.target.blur();
  if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || $("keys").open || (!$("keys-on").checked && event.key !== "?")) return;
  const key = event.key.toLowerCase(), choice = /^[1-9]$/.test(key) && form.querySelector(`[data-key="${key}"]`);
  const act = choice ? () => { choice.click(); choice.focus(); } : {
    "?": () => $("keys").showModal(), v: () => value && (value.focus(), value.select()), x: () => cannot && cannot.click(),
    n: () => $("next").click(), p: () => $("previous") && $("previous").click(), enter: () => event.target.closest("a, button") || go(),
  }[key];
  if (!act) return;
  if (key !== "enter" || !event.target.closest("a, button")) event.preventDefault();
  act();
});
