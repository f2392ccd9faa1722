// Saves a chart, a map or a drawing of the page as a picture, and prints the page. Without script there are no such buttons.
"use strict";
(function () {
  function token(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // A drawing of the server is bars, lines and words: they are drawn again, with the colours that they have on the page.
  function copy(svg) {
    const box = svg.viewBox.baseVal, scale = 2, c = document.createElement("canvas");
    c.width = box.width * scale;
    c.height = box.height * scale;
    const g = c.getContext("2d");
    g.scale(scale, scale);
    svg.querySelectorAll("rect, line, text").forEach(function (e) {
      const look = getComputedStyle(e), at = function (name) { return Number(e.getAttribute(name)); };
      if (e.tagName === "rect") {
        g.fillStyle = look.fill;
        g.fillRect(at("x"), at("y"), at("width"), at("height"));
      } else if (e.tagName === "line") {
        g.strokeStyle = look.stroke;
        g.beginPath();
        g.moveTo(at("x1"), at("y1"));
        g.lineTo(at("x2"), at("y2"));
        g.stroke();
      } else {
        g.fillStyle = look.fill;
        g.font = look.fontSize + " " + look.fontFamily;
        g.textAlign = "center";
        g.fillText(e.textContent, at("x"), at("y"));
      }
    });
    return c;
  }

  function source(box) {
    if (box instanceof SVGSVGElement) return copy(box);
    const chart = window.echarts && echarts.getInstanceByDom(box);
    return chart ? chart.renderToCanvas({ pixelRatio: 2, backgroundColor: token("--sw-surface") }) : null;
  }

  // The picture has the page's own ground, and says what it is and where it is from.
  function save(button) {
    const box = document.getElementById(button.dataset.picture), from = box && source(box);
    if (!from) return;
    const words = [button.dataset.title, button.dataset.source, button.dataset.note].filter(Boolean), c = document.createElement("canvas");
    c.width = from.width + 48;
    c.height = from.height + 48 + words.length * 44;
    const g = c.getContext("2d");
    g.fillStyle = token("--sw-surface");
    g.fillRect(0, 0, c.width, c.height);
    g.drawImage(from, 24, 24);
    g.fillStyle = token("--sw-ink");
    g.font = "26px " + getComputedStyle(document.body).fontFamily;
    words.forEach(function (text, i) { g.fillText(text, 24, from.height + 64 + i * 44, c.width - 48); });
    c.toBlob(function (blob) {
      const a = document.createElement("a");
      a.href = URL.createObjectURL(blob);
      a.download = button.dataset.file + ".png";
      a.click();
      button.dataset.saved = String(blob.size);
      setTimeout(function () { URL.revokeObjectURL(a.href); }, 1000);
    }, "image/png");
  }

  document.querySelectorAll("[data-picture][hidden], [data-print][hidden]").forEach(function (b) { b.hidden = false; });
  document.addEventListener("click", function (e) {
    const button = e.target.closest("[data-picture]");
    if (button) save(button);
    if (e.target.closest("[data-print]")) window.print();
  });
})();
