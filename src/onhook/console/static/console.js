// What every page of the console does: local times, the menu on a small screen, light and dark, questions
// before something is taken away, and the token of forms for htmx.
"use strict";
(() => {
  const root = document.documentElement;

  // Times -------------------------------------------------------------------------------------------
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
  const day = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short" });

  function local(time) {
    const at = new Date(time.dateTime);
    const said = clock.format(at);
    time.textContent = time.dataset.local === "time" ? said : `${day.format(at)} ${said}`;
    time.title = `${day.format(at)} ${said} ${zone}`;
  }

  function localTimes(within) {
    within.querySelectorAll("time[data-local]").forEach(local);
    within.querySelectorAll("[data-zone]").forEach((one) => { one.textContent = zone; });
  }

  window.onhook = { clock, zone, localTimes };
  localTimes(document);

  // htmx --------------------------------------------------------------------------------------------
  document.body.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-Form-Token"] = document.body.dataset.formToken || "";
  });
  document.body.addEventListener("htmx:load", (event) => localTimes(event.detail.elt));

  // The menu ----------------------------------------------------------------------------------------
  const fold = document.querySelector(".fold");
  fold?.addEventListener("click", () => {
    const open = fold.getAttribute("aria-expanded") !== "true";
    fold.setAttribute("aria-expanded", String(open));
    document.body.classList.toggle("menu-open", open);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && fold?.getAttribute("aria-expanded") === "true") {
      fold.click();
      fold.focus();
    }
  });

  // Light and dark ----------------------------------------------------------------------------------
  document.querySelector("[data-theme-switch]")?.addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("onhook-theme", root.dataset.theme); } catch { /* for this page only */ }
  });

  // Before something is taken away: <form data-confirm="The number will be removed. Go on?"> -----------
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset?.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });
})();
