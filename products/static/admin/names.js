"use strict";
// Names, for those who hear a page, of what Django's admin leaves without one; and a place in the order of the keyboard
// for boxes that scroll and have nothing in them to go to.
{
    const name = (element, text) => element && text && element.setAttribute("aria-label", text);

    const nameAll = () => {
        name(document.getElementById("searchbar"), "Search");
        for (const select of document.querySelectorAll("select.admin-autocomplete")) {
            const label = select.labels[0], box = select.nextElementSibling;
            if (label && box) {
                for (const part of box.querySelectorAll("[role=combobox], [role=textbox]")) {
                    part.removeAttribute("aria-labelledby"); // which names what is chosen, and that can be nothing
                    name(part, label.textContent.trim().replace(/:$/, ""));
                }
            }
        }
        for (const icon of document.querySelectorAll(".help-tooltip[aria-label]")) {
            icon.setAttribute("role", "img");
        }
        for (const box of document.querySelectorAll(".inline-group .tabular, .results, .table-box, #change-history")) {
            if (box.scrollWidth > box.clientWidth && !box.querySelector("a, button, input, select, textarea")) {
                box.tabIndex = 0;
            }
        }
    };

    // After the scripts that make these: some do it when jQuery is ready, some when the page is loaded.
    if (window.django && window.django.jQuery) {
        window.django.jQuery(nameAll);
    }
    window.addEventListener("load", nameAll);
}
