"use strict";
// Names, for those who hear a page, of what Django's admin leaves without one.
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
    };

    // After the scripts that make these: some do it when jQuery is ready, some when the page is loaded.
    if (window.django && window.django.jQuery) {
        window.django.jQuery(nameAll);
    }
    window.addEventListener("load", nameAll);
}
