// Draws bars over time. The values stand in the page as data, and a table beside the chart says the same.
"use strict";
(function () {
  const reduced = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  function token(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // Unknown is hatched, never a bar of no height.
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

  function figure(n) {
    return String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
  }

  function draw(box) {
    const data = JSON.parse(document.getElementById(box.dataset.chart).textContent);
    const chart = echarts.init(box, null, { renderer: "canvas" });
    const totals = data.times.map(function (_, i) {
      return data.bars.reduce(function (sum, b) { return sum + Math.max(0, b.values[i] || 0); }, 0);
    });
    const lines = data.lines || [];
    const high = Math.max(1, ...totals, ...lines.map(function (l) { return Math.max(0, ...l.values.map(function (v) { return v || 0; })); }));
    function told(i) {
      const out = [data.times[i]];
      data.bars.concat(lines).forEach(function (s) {
        if (s.values[i] !== null) out.push(s.name + "  " + figure(s.values[i]) + (data.unit ? " " + data.unit : ""));
      });
      if (data.unknown[i]) out.push(data.words);
      return out.join("\n");
    }
    function paint() {
      const ink = token("--sw-ink"), muted = token("--sw-muted"), line = token("--sw-line");
      const series = data.bars.map(function (b) {
        return { type: "bar", name: b.name, stack: "all", barMaxWidth: 44, itemStyle: { color: token(b.color), borderColor: token("--sw-surface"), borderWidth: 1 }, data: b.values };
      });
      series.push({ type: "bar", name: data.words, stack: "all", barMaxWidth: 44, itemStyle: { color: hatch() }, data: data.unknown.map(function (u) { return u ? high : null; }) });
      lines.forEach(function (l) {
        const last = l.values.reduce(function (at, v, i) { return v === null ? at : i; }, -1);
        series.push({
          type: "line", name: l.name, symbol: l.dots ? "circle" : "none", symbolSize: 8, color: token(l.color), lineStyle: { width: 2, type: l.dashed ? "dashed" : "solid" }, connectNulls: false, z: 5,
          data: l.values.map(function (v, i) {
            return { value: v, label: { show: i === last && data.times.length > 1, position: i > data.times.length / 2 ? "left" : "right", offset: [0, -12], formatter: l.name, color: ink, fontSize: 12, textBorderColor: token("--sw-surface"), textBorderWidth: 3 } };
          }),
        });
      });
      chart.setOption({
        animation: !reduced, animationDuration: 150,
        grid: { left: 8, right: 16, top: 16, bottom: 8, outerBoundsMode: "same" },
        // richText: a tooltip in HTML would need inline styles, which the pages' policy forbids.
        tooltip: {
          trigger: "axis", renderMode: "richText", confine: true, backgroundColor: token("--sw-surface"), borderColor: line, padding: 10, axisPointer: { type: "none" },
          textStyle: { color: ink, fontSize: 13, lineHeight: 20 }, formatter: function (list) { return told(list[0].dataIndex); },
        },
        xAxis: { type: "category", data: data.times, axisTick: { show: false }, axisLine: { lineStyle: { color: line } }, axisLabel: { color: muted, hideOverlap: true } },
        yAxis: { type: "value", min: 0, axisLabel: { color: muted, formatter: figure }, splitLine: { lineStyle: { color: line } }, splitNumber: 4 },
        series: series,
      }, true);
    }
    paint();
    window.addEventListener("resize", function () { chart.resize(); });
    new MutationObserver(paint).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
    box.dataset.drawn = "1";
  }

  function drawAll() {
    document.querySelectorAll("[data-chart]:not([data-started])").forEach(function (box) {
      box.dataset.started = "1";
      draw(box);
    });
  }
  drawAll();
  document.addEventListener("htmx:afterSettle", drawAll);
})();
