// Before the first paint: a reader who never chose a theme gets the one of the device.
document.documentElement.dataset.bsTheme = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
