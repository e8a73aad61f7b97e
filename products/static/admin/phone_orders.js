"use strict";
// Lists the customers that fit what is typed. Without this script a name or an e-mail is typed in full.
{
  const field = document.getElementById("id_customer");
  const list = document.getElementById("customers");
  let waiting;

  const suggest = async () => {
    const text = field.value.trim();
    if (text.length < 2) {
      return;
    }
    const response = await fetch(`${list.dataset.source}?q=${encodeURIComponent(text)}`, { credentials: "same-origin" });
    if (!response.ok || field.value.trim() !== text) {
      return;
    }
    const found = await response.json();
    list.replaceChildren(
      ...found.customers.map(({ name, label }) => {
        const option = document.createElement("option");
        option.value = name;
        option.label = label;
        return option;
      }),
    );
  };

  if (field && list) {
    field.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(suggest, 200);
    });
  }
}
