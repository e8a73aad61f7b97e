"use strict";
// Does one batch of a bulk job or of an import after the other. Without this script the button "Continue" does one.
{
  const form = document.getElementById("next-batch");
  const bar = document.getElementById("batch-progress");
  const stopped = document.getElementById("batch-stopped");

  const show = (counts) => {
    for (const cell of document.querySelectorAll("[data-count]")) {
      cell.textContent = counts[cell.dataset.count];
    }
    bar.max = counts.total;
    bar.value = counts.total - counts.waiting;
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
