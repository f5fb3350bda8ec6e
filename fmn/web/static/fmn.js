/* What makes the pages livelier. Every page works without it.

   form[data-guard]           asks before unsaved changes are left; data-guard="dirty": there are some already
   form, button[data-confirm] asks first, in the words of the attribute
   [data-timezone]            an empty input or select gets the browser's time zone
   form[data-live="/path"]    is posted there while somebody types; the fragment that comes back fills #preview
   form[data-now]             is posted there at once, too
   button[data-add="list-id"] adds an empty copy of the last item of that list, and goes there
*/
"use strict";

(() => {
  const unsaved = new Set();

  for (const form of document.querySelectorAll("form[data-guard]")) {
    if (form.dataset.guard === "dirty") unsaved.add(form);
    form.addEventListener("input", () => unsaved.add(form));
  }

  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm || event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
    else unsaved.delete(event.target);
  });

  window.addEventListener("beforeunload", (event) => {
    if (unsaved.size) event.preventDefault();
  });

  for (const field of document.querySelectorAll("[data-timezone]")) {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const known = !field.options || [...field.options].some((option) => option.value === zone);
    if (!field.value && zone && known) field.value = zone;
  }

  for (const form of document.querySelectorAll("form[data-live]")) live(form);

  function live(form) {
    const place = document.getElementById("preview");
    if (!place) return;
    let waiting, asking;

    async function ask() {
      asking?.abort();
      const mine = (asking = new AbortController());
      place.setAttribute("aria-busy", "true");
      try {
        const fragment = await fetched(form, mine.signal);
        if (mine === asking) fill(place, fragment);
      } catch {
        if (mine === asking) place.textContent = "No preview just now. Saving still works.";
      }
      if (mine === asking) place.removeAttribute("aria-busy");
    }

    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(ask, 400);
    });
    if ("now" in form.dataset) ask();

    form.addEventListener("submit", () => {
      clearTimeout(waiting);
      asking?.abort();
      asking = undefined;
    });
  }

  async function fetched(form, signal) {
    const answer = await fetch(form.dataset.live, {
      method: "POST", body: new FormData(form), redirect: "error", signal,
    });
    const fragment = await answer.text();
    // A whole page is one that says what went wrong: its place is not here.
    if (/^\s*<!doctype/i.test(fragment)) throw new Error(answer.statusText);
    return fragment;
  }

  function fill(place, fragment) {
    const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
    place.innerHTML = fragment;
    if (focused) document.getElementById(focused)?.focus();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-add]");
    const last = button && document.getElementById(button.dataset.add)?.lastElementChild;
    if (!last) return;
    event.preventDefault();
    const copy = fresh(last.cloneNode(true), last.parentElement.children.length + 1);
    last.after(copy);
    copy.querySelector("input, select, textarea")?.focus();
    button.form?.dispatchEvent(new Event("input", { bubbles: true }));
  });

  function fresh(copy, number) {
    for (const problem of copy.querySelectorAll(".problem")) problem.remove();
    for (const each of [copy, ...copy.querySelectorAll("*")]) {
      if (each.id) each.id = `${each.id}-${number}`;
      if (each.htmlFor) each.htmlFor = `${each.htmlFor}-${number}`;
      if (each.matches("input, select, textarea")) {
        if (each.matches("[type=checkbox], [type=radio]")) each.checked = false;
        else if (each.type !== "hidden") each.value = "";
        each.ariaLabel = each.ariaLabel && each.ariaLabel.replace(/\d+$/, number);
        each.removeAttribute("aria-invalid");
        each.removeAttribute("aria-describedby");
      }
    }
    return copy;
  }
})();
