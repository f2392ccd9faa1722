// What pages do beyond plain HTML. Everything here is an extra: every page works without it.
"use strict";

// A slider and its number field stay the same.
document.addEventListener("input", function (event) {
  const twin = event.target.dataset && event.target.dataset.twin;
  if (!twin) return;
  const other = document.getElementById(twin);
  if (other && other.value !== event.target.value) other.value = event.target.value;
});

// A list that was chosen from is asked for at once, on pages that say so.
document.addEventListener("change", function (event) {
  const form = event.target.form;
  if (form && form.dataset.submitOnChange !== undefined) form.requestSubmit();
});

// A form that is under way is not sent twice.
document.addEventListener("submit", function (event) {
  const form = event.target;
  if (form.method !== "post" || form.dataset.again !== undefined) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  const say = form.querySelector("[data-while-sending]");
  if (say) say.hidden = false;
  setTimeout(function () { delete form.dataset.sent; }, 4000);
});

// Coming back with the browser's button finds forms usable again.
window.addEventListener("pageshow", function () {
  document.querySelectorAll("form[data-sent]").forEach(function (form) { delete form.dataset.sent; });
});

// Printing shows what is folded away.
window.addEventListener("beforeprint", function () {
  document.querySelectorAll("details.print-open").forEach(function (d) { d.open = true; });
});

// Signing out clears what the phone keeps: visits that were not sent would be lost.
document.addEventListener("submit", function (event) {
  const waiting = Number(localStorage.getItem("phone-queue"));
  const say = event.target.dataset.unsent;
  if (say && waiting > 0 && !window.confirm(say.replace("{n}", waiting))) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);
