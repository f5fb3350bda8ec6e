/* Subscribes this browser: asks for permission when the button is pressed, never before, and posts
   what the browser's push service says of it. Without this script the form stays hidden. */
"use strict";

(() => {
  const form = document.getElementById("push-browser-form");
  const needs = document.getElementById("push-browser-needs");
  const said = document.getElementById("push-browser-said");
  const PATIENCE = 30_000; // milliseconds
  if (!form) return;

  if (!window.isSecureContext) {
    needs.textContent = "This works only where the address of this page begins with https.";
    return;
  }
  if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) {
    needs.textContent = "This browser cannot be notified. On an iPhone or iPad, add this page to the home screen first.";
    return;
  }
  needs.hidden = true;
  form.hidden = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    say("One moment: the browser is asked.");
    try {
      fill((await subscribed()).toJSON());
      form.submit();
    } catch (failed) {
      say(words(failed), true);
      button.removeAttribute("aria-disabled");
    }
  });

  async function subscribed() {
    const allowed = await Notification.requestPermission();
    if (allowed !== "granted") throw new Denied(allowed);
    return Promise.race([asked(), late()]);
  }

  async function asked() {
    await navigator.serviceWorker.register("/sw.js");
    const { pushManager } = await navigator.serviceWorker.ready;
    const key = form.dataset.key;
    const before = await pushManager.getSubscription();
    // A subscription with another key of ours takes nothing from this one.
    if (before && encoded(before.options.applicationServerKey) !== key) await before.unsubscribe();
    return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  }

  function late() {
    return new Promise((_, fail) => setTimeout(() => fail(new Error("no answer")), PATIENCE));
  }

  class Denied extends Error {}

  function words(failed) {
    if (failed instanceof Denied) {
      return failed.message === "denied"
        ? "This browser does not let us notify you. Allow notifications for this site in its settings, then try again."
        : "Nothing was changed: the browser's question was not answered.";
    }
    if (failed.name === "NotAllowedError") {
      return "This browser does not let us notify you: it may be a private window. Nothing was changed.";
    }
    return "The push service of this browser did not answer. Nothing was changed: try again in a minute.";
  }

  function fill(subscription) {
    const { endpoint, keys } = subscription;
    if (!endpoint || !keys?.p256dh || !keys?.auth) throw new Error("no subscription");
    form.elements.endpoint.value = endpoint;
    form.elements.p256dh.value = keys.p256dh;
    form.elements.auth.value = keys.auth;
  }

  function say(text, bad) {
    const line = document.createElement("span");
    if (bad) line.className = "problem";
    line.textContent = text;
    said.replaceChildren(line);
  }

  function encoded(buffer) {
    const letters = btoa(String.fromCharCode(...new Uint8Array(buffer ?? 0)));
    return letters.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }
})();
