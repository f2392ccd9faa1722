// A position is read from the device where it can tell one; without this it is typed.
"use strict";
document.querySelectorAll("[data-position]").forEach(function (box) {
  const button = box.querySelector("[data-locate]");
  if (!button || !navigator.geolocation) return;
  button.hidden = false;
  button.addEventListener("click", function () {
    navigator.geolocation.getCurrentPosition(function (at) {
      box.querySelector("[data-lat]").value = at.coords.latitude.toFixed(5);
      box.querySelector("[data-lon]").value = at.coords.longitude.toFixed(5);
    });
  });
});
