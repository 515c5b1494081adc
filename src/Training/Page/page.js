// Draws the charts of a page when they come into view, in the page's colours, and lets the keyboard reach what the mouse does.
"use strict";
(() => {
  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const [card, text, rule, series] = ["--card", "--text", "--rule", "--series"].map(name => style.getPropertyValue(name).trim());
    const axis = { gridcolor: rule, linecolor: rule, zerolinecolor: rule, automargin: true, hoverformat: ".5~g", exponentformat: "power" };
    return { layout: {
      colorway: series.split(" "),
      font: { color: text, family: "system-ui, sans-serif", size: 12 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: axis, yaxis: axis,
      hoverlabel: { bgcolor: card, bordercolor: rule, font: { color: text } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: text, activecolor: text },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      margin: { l: 56, r: 16, t: 28, b: 44 },
    } };
  };

  // plotly.js lies in the page compressed: what is read first does not wait for it.
  let library;
  const plotly = () => library ??= (async () => {
    const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), c => c.charCodeAt(0));
    const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(plain).text();
    document.head.append(script);
    return window.Plotly;
  })();

  const told = document.createElement("p");
  told.className = "told";
  told.setAttribute("aria-live", "polite");

  // A point of a chart, told as the mouse would have it: of lines the n-th, of a map the n-th cell.
  const tell = (Plotly, plot, at) => {
    const trace = plot.data[at.curve];
    const columns = trace.x.length;
    const count = trace.type === "heatmap" ? columns * trace.y.length : columns;
    at.point = Math.max(0, Math.min(count - 1, at.point));
    const row = trace.type === "heatmap" ? Math.floor(at.point / columns) : at.point;
    const x = trace.x[at.point % columns], y = trace.y[row];
    const value = trace.type === "heatmap" ? trace.z[row][at.point % columns] : y;
    if (trace.type === "heatmap") Plotly.Fx.hover(plot, { xval: x, yval: y }, "xy");
    else Plotly.Fx.hover(plot, [{ curveNumber: at.curve, pointNumber: at.point }], "xy");
    told.textContent = trace.text?.[at.point] ?? `${trace.name ?? ""} ${x}: ${value}`;
  };

  const keys = (Plotly, plot) => {
    if (!plot.layout.xaxis?.range || !plot.layout.yaxis?.range) return;
    const at = { curve: 0, point: -1 };
    const axes = () => ["xaxis", "yaxis"].map(name => [name, plot.layout[name].range]);
    const zoom = factor => Plotly.relayout(plot, Object.fromEntries(axes().map(([name, [low, high]]) =>
      [`${name}.range`, [(low + high - (high - low) * factor) / 2, (low + high + (high - low) * factor) / 2]])));
    const ranges = structuredClone(Object.fromEntries(axes()));
    const whole = () => Plotly.relayout(plot, Object.fromEntries(axes().map(([name]) =>
      plot.layout.images ? [`${name}.range`, ranges[name]] : [`${name}.autorange`, true])));
    // An edge of a diagram, a point of a line, a cell of a map.
    const step = () => plot.data[at.curve].type === "heatmap" ? plot.data[at.curve].x.length : 0;
    const shown = () => plot.data.map((trace, n) => [trace, n]).filter(([trace]) => trace.hoverinfo !== "skip").map(([, n]) => n);
    const other = by => { const all = shown(); if (!all.length) return; at.curve = all[(all.indexOf(at.curve) + by + all.length) % all.length]; };
    const moves = {
      ArrowRight: () => { at.point += 1; tell(Plotly, plot, at); },
      ArrowLeft: () => { at.point -= 1; tell(Plotly, plot, at); },
      ArrowUp: () => { if (step()) at.point += step(); else other(1); tell(Plotly, plot, at); },
      ArrowDown: () => { if (step()) at.point -= step(); else other(-1); tell(Plotly, plot, at); },
      Home: () => { at.point = 0; tell(Plotly, plot, at); },
      End: () => { at.point = Infinity; tell(Plotly, plot, at); },
      "+": () => zoom(1 / 1.5),
      "-": () => zoom(1.5),
      "0": whole,
    };
    plot.addEventListener("keydown", event => {
      const move = moves[event.key];
      if (event.target !== plot || !move || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      move();
    });
    plot.addEventListener("blur", () => Plotly.Fx.unhover(plot));
  };

  // The buttons above a chart have no keyboard of their own in plotly.js.
  const reach = plot => {
    for (const button of plot.querySelectorAll(".modebar-btn")) {
      button.tabIndex = 0;
      button.setAttribute("role", "button");
      button.setAttribute("aria-label", button.dataset.title);
      button.onkeydown = event => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        button.click();
      };
    }
  };

  // Axes of lines and dots that may be logarithmic: those that have something above zero.
  const logarithms = (Plotly, plot, caption) => {
    if (plot.layout.images || plot.data.some(trace => trace.type !== "scatter")) return;
    for (const name of ["x", "y"]) {
      if (!plot.data.some(trace => trace[name].some(value => value > 0))) continue;
      const button = document.createElement("button");
      const isLog = () => plot.layout[`${name}axis`].type === "log";
      const show = () => button.setAttribute("aria-pressed", isLog());
      button.type = "button";
      button.textContent = `log ${name}`;
      button.onclick = async () => {
        await Plotly.relayout(plot, { [`${name}axis.type`]: isLog() ? "linear" : "log", [`${name}axis.autorange`]: true });
        show();
      };
      show();
      caption.append(button);
    }
  };

  const draw = async plot => {
    const Plotly = await plotly();
    const { data, layout } = JSON.parse(plot.nextElementSibling.textContent);
    const caption = plot.previousElementSibling;
    await Plotly.newPlot(plot, data, { ...layout, template: colours() }, {
      responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      toImageButtonOptions: { format: "svg", filename: caption.textContent },
    });
    logarithms(Plotly, plot, caption);
    keys(Plotly, plot);
    reach(plot);
    plot.on("plotly_afterplot", () => reach(plot));
    plot.classList.add("drawn");
  };

  document.body.append(told);
  const seen = new IntersectionObserver(entries => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      draw(target).catch(() => { target.textContent = "This browser cannot draw the chart."; });
    }
  }, { rootMargin: "200px" });

  // After the first paint.
  requestAnimationFrame(() => setTimeout(() => document.querySelectorAll(".drawing").forEach(plot => seen.observe(plot))));

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", async () => {
    const Plotly = await plotly();
    document.querySelectorAll(".drawing.drawn").forEach(plot => Plotly.relayout(plot, { template: colours() }));
  });
})();
