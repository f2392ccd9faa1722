// Draws the sketch map of counties. The values stand in the page as data; the outlines are fetched; a table beside the map says the same.
"use strict";
(function () {
  const reduced = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  function token(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // Unknown is hatched, never a colour of the scale.
  function hatch() {
    const c = document.createElement("canvas");
    c.width = c.height = 8;
    const g = c.getContext("2d");
    g.fillStyle = token("--sw-ground");
    g.fillRect(0, 0, 8, 8);
    g.strokeStyle = token("--sw-hatch");
    g.lineWidth = 1.5;
    g.beginPath();
    g.moveTo(-2, 10); g.lineTo(10, -2);
    g.moveTo(-2, 2); g.lineTo(2, -2);
    g.moveTo(6, 10); g.lineTo(10, 6);
    g.stroke();
    return { image: c, repeat: "repeat" };
  }

  function ramp(share) {
    const steps = ["--sw-map-1", "--sw-map-2", "--sw-map-3", "--sw-map-4", "--sw-map-5"];
    return token(steps[Math.min(steps.length - 1, Math.floor(share * steps.length))]);
  }

  function draw(box) {
    // What htmx puts in has no script elements, data neither: there the values stand on the box.
    const data = JSON.parse(box.dataset.values || document.getElementById(box.dataset.map).textContent);
    fetch(data.shapes).then(function (answer) {
      if (!answer.ok) throw new Error("map " + answer.status);
      return answer.json();
    }).then(function (shapes) {
      const by = {};
      data.values.forEach(function (v) { by[v.code] = v; });
      shapes.features = shapes.features.filter(function (f) { return by[f.properties.code]; });
      shapes.features.forEach(function (f) { f.properties.name = f.properties.code; });
      echarts.registerMap(box.id, shapes);
      const chart = echarts.init(box, null, { renderer: "canvas" });
      const most = Math.max(1, ...data.values.map(function (v) { return v.known ? v.value : 0; }));
      const few = shapes.features.length <= 20;
      function paint() {
        chart.setOption({
          animation: !reduced, animationDuration: 150,
          // richText: a tooltip in HTML would need inline styles, which the pages' policy forbids.
          tooltip: {
            renderMode: "richText", confine: true, backgroundColor: token("--sw-surface"), borderColor: token("--sw-line"), padding: 10,
            textStyle: { color: token("--sw-ink"), fontSize: 13, lineHeight: 20 },
            formatter: function (x) { const v = by[x.name]; return v ? v.name + "\n" + v.detail : ""; },
          },
          series: [{
            type: "map", map: box.id, aspectScale: 0.89, roam: false, selectedMode: false, top: 8, bottom: 8, left: 8, right: 8,
            label: {
              show: few, color: token("--sw-ink"), fontSize: 12, textBorderColor: token("--sw-surface"), textBorderWidth: 3,
              formatter: function (x) { return by[x.name] ? by[x.name].name : ""; },
            },
            itemStyle: { borderColor: token("--sw-surface"), borderWidth: 1 },
            emphasis: { label: { show: true, color: token("--sw-ink"), textBorderColor: token("--sw-surface"), textBorderWidth: 3 }, itemStyle: { areaColor: token("--sw-map-hover") } },
            data: data.values.map(function (v) {
              return { name: v.code, value: v.value, itemStyle: { areaColor: !v.known ? hatch() : v.value === 0 ? token("--sw-map-0") : ramp((v.value - 1) / most) } };
            }),
          }],
        }, true);
      }
      paint();
      chart.on("click", function (x) {
        const v = by[x.name];
        if (v && v.href) window.location.assign(v.href);
      });
      window.addEventListener("resize", function () { chart.resize(); });
      new MutationObserver(paint).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
      box.dataset.drawn = "1";
    }).catch(function () {
      box.dataset.failed = "1";
      box.hidden = true; // the table beside it has every figure
    });
  }

  function drawAll(root) {
    root.querySelectorAll("[data-map]:not([data-started])").forEach(function (box) {
      box.dataset.started = "1";
      draw(box);
    });
  }
  drawAll(document);
  document.addEventListener("htmx:afterSettle", function () { drawAll(document); });
})();
