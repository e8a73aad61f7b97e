"use strict";
// Does one batch of a bulk job after the other. Without this script the button "Continue" does one.
{
  const form = document.getElementById("bulk-batch");
  const bar = document.getElementById("bulk-progress");
  const stopped = document.getElementById("bulk-stopped");

  const show = (counts) => {
    for (const name of ["done", "refused", "waiting"]) {
      document.querySelector(`[data-count="${name}"]`).textContent = counts[name];
    }
    bar.value = counts.done + counts.refused;
  };

  const run = async () => {
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    stopped.hidden = true;
    try {
      for (;;) {
        const response = await fetch(form.action, {
          method: "POST",
          body: new FormData(form),
          headers: { Accept: "application/json" },
          credentials: "same-origin",
        });
        if (!response.ok || !response.headers.get("Content-Type").startsWith("application/json")) {
          throw new Error(response.status);
        }
        const counts = await response.json();
        show(counts);
        if (counts.finished) {
          break;
        }
      }
      location.replace(location.pathname);
    } catch {
      stopped.hidden = false;
      button.disabled = false;
    }
  };

  if (form) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      run();
    });
    if (location.hash === "#run") {
      run();
    }
  }
}
