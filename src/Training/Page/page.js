// Draws the charts of a page when they come into view, in the page's colours, and lets the keyboard reach what the mouse does;
// a live page goes on by what its server sends.
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

  // Text of plotly.js, which has marks of its own in it, as it reads.
  const plain = text => new DOMParser().parseFromString(text.replaceAll("<br>", "; "), "text/html").body.textContent;

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
    told.textContent = plain(trace.text?.[at.point] ?? `${trace.name ?? ""} ${x}: ${value}`);
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

  const figureOf = plot => JSON.parse(plot.nextElementSibling.textContent);

  const draw = async plot => {
    const Plotly = await plotly();
    const { data, layout } = figureOf(plot);
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
      target.shown = draw(target).catch(() => { target.textContent = "This browser cannot draw the chart."; });
    }
  }, { rootMargin: "200px" });

  const watch = part => part.querySelectorAll(".drawing").forEach(plot => seen.observe(plot));

  // After the first paint.
  requestAnimationFrame(() => setTimeout(() => watch(document)));

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", async () => {
    const Plotly = await plotly();
    document.querySelectorAll(".drawing.drawn").forEach(plot => Plotly.relayout(plot, { template: colours() }));
  });

  // Draws what a chart has now: its axes and lines stay as a person has set them.
  const renew = async plot => {
    if (!plot.classList.contains("drawn")) return;
    const { data, layout } = figureOf(plot);
    for (const name of ["xaxis", "yaxis"]) {
      const { type, range, autorange } = plot.layout[name] ?? {};
      layout[name] = { ...layout[name], type, ...(autorange === false ? { range, autorange } : {}) };
    }
    data.forEach((trace, n) => { trace.visible = plot.data[n]?.visible ?? true; });
    await (await plotly()).react(plot, data, { ...layout, template: colours() });
  };

  // Puts what came into a section: charts that are there stay, and draw what they have now.
  const fill = (section, fresh) => {
    const grid = section.querySelector(".charts"), figures = [...fresh.querySelectorAll(".charts > figure")];
    if (!grid || !figures.length) {
      section.replaceChildren(...fresh.childNodes);
      watch(section);
      return;
    }
    const titleOf = figure => figure.querySelector("figcaption span")?.textContent;
    figures.forEach((figure, n) => {
      const old = [...grid.children].find(it => titleOf(it) === titleOf(figure));
      if (!old) {
        grid.insertBefore(figure, grid.children[n] ?? null);
        watch(figure);
        return;
      }
      const plot = old.querySelector(".drawing");
      plot.nextElementSibling.textContent = figure.querySelector("script").textContent;
      plot.shown = plot.shown?.then(() => renew(plot));
    });
  };

  const live = document.body.dataset.live;
  if (!live) return;
  const main = document.querySelector("main"), connection = document.createElement("p");
  connection.id = "connection";
  connection.setAttribute("role", "status");
  document.getElementById("status").after(connection);
  const say = text => { if (connection.textContent !== text) connection.textContent = text; };

  // The status and the sections in their order; the HTML of those alone that changed.
  const show = ({ status, sections }) => {
    document.getElementById("status").textContent = status;
    let before = connection;
    const all = new Map([...main.querySelectorAll("section")].map(it => [it.querySelector("h2").textContent, it]));
    for (const { heading, html } of sections) {
      const section = all.get(heading) ?? document.createElement("section");
      if (!all.delete(heading)) before.after(section);
      if (html !== null) {
        const fresh = document.createElement("template");
        fresh.innerHTML = html;
        fill(section, fresh.content.firstElementChild);
      }
      before = section;
    }
    all.forEach(section => section.remove());
  };

  const events = new EventSource(live);
  events.onopen = () => say("Live.");
  events.onerror = () => say("Not connected: trying again.");
  events.addEventListener("report", event => show(JSON.parse(event.data)));
  events.addEventListener("end", () => {
    events.close();
    say("The run has ended; this page stays.");
  });
})();
