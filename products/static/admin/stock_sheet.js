// The stock sheet, as a scanner types it: Enter after a SKU goes to the pieces, Enter after those to the next row. What
// the shop knows of the product appears beside it, and a count is compared with what is shown there.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("stock-sheet");
    const body = form.querySelector("tbody");
    const total = form.querySelector("[name=form-TOTAL_FORMS]");
    const rows = () => [...body.rows];
    const field = (row, name) => row.querySelector(`[name$="-${name}"]`);
    const isCount = () => form.elements.mode.value === "count";

    function addRow() {
        const number = body.rows.length;
        if (number >= Number(form.dataset.maxRows)) {
            return null;
        }
        const row = body.rows[0].cloneNode(true);
        row.classList.remove("errors");
        row.querySelectorAll(".errorlist").forEach((list) => list.remove());
        row.cells[0].textContent = number + 1;
        row.querySelectorAll("input").forEach((input) => {
            input.name = input.name.replace(/^form-\d+/, `form-${number}`);
            input.id = `id_${input.name}`;
            input.value = "";
            input.removeAttribute("value");
            input.removeAttribute("autofocus");
            input.removeAttribute("aria-invalid");
            input.removeAttribute("aria-describedby");
        });
        row.querySelectorAll("label").forEach((label) => {
            label.htmlFor = label.htmlFor.replace(/form-\d+/, `form-${number}`);
            label.textContent = label.textContent.replace(/\d+$/, number + 1);
        });
        row.dataset.code = "";
        show(row, "");
        body.append(row);
        total.value = number + 1;
        return row;
    }

    function show(row, text, isProblem = false) {
        const about = row.querySelector(".stock-sheet-about");
        about.textContent = text;
        about.classList.toggle("stock-sheet-problem", isProblem);
    }

    async function lookUp(row) {
        const code = field(row, "code").value.trim();
        if (code === (row.dataset.code || "")) {
            return;
        }
        row.dataset.code = code;
        field(row, "expected").value = "";
        show(row, "");
        if (!code) {
            return;
        }
        let answer;
        try {
            const response = await fetch(`${form.dataset.lookup}?code=${encodeURIComponent(code)}`);
            answer = await response.json();
        } catch {
            row.dataset.code = "";
            return; // The sheet works without it: the server says the same when it is sent.
        }
        if (row.dataset.code !== code) {
            return;
        }
        row.answer = answer;
        if (answer.problem) {
            show(row, answer.problem, true);
            return;
        }
        field(row, "expected").value = answer.expected;
        show(row, isCount() ? answer.shelf : answer.stock);
    }

    form.addEventListener("focusout", (event) => {
        if (event.target.name && event.target.name.endsWith("-code")) {
            lookUp(event.target.closest("tr"));
        }
    });

    form.addEventListener("change", (event) => {
        if (event.target.name === "mode") {
            rows().forEach((row) => {
                if (row.answer && !row.answer.problem) {
                    show(row, isCount() ? row.answer.shelf : row.answer.stock);
                }
            });
        }
    });

    form.addEventListener("keydown", (event) => {
        const row = event.target.closest(".stock-sheet-row");
        if (event.key !== "Enter" || !row) {
            return;
        }
        event.preventDefault();
        if (event.target === field(row, "code")) {
            field(row, "number").focus();
        } else {
            const next = row.nextElementSibling || addRow();
            (next ? field(next, "code") : form.querySelector("input.default")).focus();
        }
    });

    form.querySelector("[name=more]").addEventListener("click", (event) => {
        event.preventDefault();
        const first = addRow();
        for (let number = 1; number < 10; number += 1) {
            addRow();
        }
        if (first) {
            field(first, "code").focus();
        }
    });

    rows().forEach((row) => {
        row.dataset.code = field(row, "code").value.trim();
    });
    const wrong = rows().find((row) => row.classList.contains("errors"));
    field(wrong || rows().find((row) => !field(row, "code").value) || rows()[0], "code").focus();
});
