"use strict";
// The button that prints the page; without this script the browser's own menu does.
{
  const button = document.getElementById("print");
  button.hidden = false;
  button.focus();
  button.addEventListener("click", () => window.print());
}
