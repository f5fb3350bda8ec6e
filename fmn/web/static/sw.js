/* Shows what is pushed to this browser, also where no page is open. What comes is JSON, made by
   fmn/senders/push/payload.py: title, body, tag, and perhaps url and stop. */
"use strict";

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const said = read(event.data);
  // A browser that is woken and shows nothing is soon not woken any more: so all is shown.
  event.waitUntil(self.registration.showNotification(said.title || "fmn", {
    body: said.body || "",
    tag: said.tag || "",
    data: { url: said.url, stop: said.stop },
    actions: web(said.stop) ? [{ action: "stop", title: "Stop this" }] : [],
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url, stop } = event.notification.data ?? {};
  event.waitUntil(open(web(event.action === "stop" ? stop : url) || self.registration.scope));
});

self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(again(event)));

async function again(event) {
  const options = event.oldSubscription?.options;
  try {
    if (!event.newSubscription && options) await self.registration.pushManager.subscribe(options);
  } catch {
    // The page can do it as well, when somebody presses its button.
  }
  // A new subscription is a new address, and only somebody signed in may add one.
  await self.registration.showNotification("Notifications end here", {
    body: "This browser got a new push address. Open this to be notified here again.",
    tag: "subscription",
    data: { url: new URL("/destinations#push-browser", self.registration.scope).href },
  });
}

function read(data) {
  try {
    const said = data.json();
    return said && typeof said === "object" ? said : {};
  } catch {
    return { body: data?.text() };
  }
}

function web(address) {
  try {
    const url = new URL(address);
    const ours = url.origin === self.location.origin;
    return url.protocol === "https:" || ours ? url.href : "";
  } catch {
    return "";
  }
}

async function open(url) {
  const all = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = all.find((client) => client.url === url);
  return there ? there.focus() : self.clients.openWindow(url);
}
