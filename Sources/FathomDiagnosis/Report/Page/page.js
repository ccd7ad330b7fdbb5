"use strict";
(() => {
  const root = document.documentElement;
  const source = document.getElementById("data");
  const data = source ? JSON.parse(source.textContent) : null;

  // Light or dark: the reader's system says, the button says otherwise.
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  const isDark = () => root.dataset.theme === "dark";
  const applyTheme = () => { root.dataset.theme = chosen ?? (system.matches ? "dark" : "light"); };
  applyTheme();

  // MARK: Small parts

  const svgSpace = "http://www.w3.org/2000/svg";
  const svg = (tag, attributes = {}, text) => {
    const node = document.createElementNS(svgSpace, tag);
    for (const [k, v] of Object.entries(attributes)) node.setAttribute(k, v);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const color = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const clamp = (x, a, b) => Math.min(b, Math.max(a, x));
  const isNumber = (x) => typeof x === "number" && isFinite(x);
  const last = (list) => list[list.length - 1];
  const minus = (t) => t.replace(/-/g, "−");
  const power = (k) => (k === 0 ? "1" : "10" + (k < 0 ? "⁻" : "") + [...String(Math.abs(k))].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]).join(""));
  const number = (x) => {
    if (!isNumber(x)) return "not a number";
    if (x === 0) return "0";
    const a = Math.abs(x);
    if (a >= 1e5 || a < 1e-3) {
      const [digits, exponent] = x.toExponential(1).split("e");
      return (digits === "1.0" ? "" : minus(digits.replace(/\.0$/, "")) + "×") + power(Number(exponent));
    }
    return minus(a >= 1000 ? x.toFixed(0) : String(Number(x.toPrecision(3))));
  };
  const skill = (x) => (isNumber(x) && data.isShare ? number(100 * x) + " %" : number(x));
  const step = (s) => (s === 0 ? "before training" : "step " + s);
  const shorten = (t, n) => (t.length <= n ? t : t.slice(0, n - 1) + "…");
  const spread = (count, most) =>
    count <= most ? [...Array(count).keys()] : [...Array(most).keys()].map((i) => Math.round((i * (count - 1)) / (most - 1)));

  // Viridis, dark to bright; readable with any kind of colour vision.
  const stops = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37]];
  const viridis = (t) => {
    const x = clamp(t, 0, 1) * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(x)), f = x - i;
    const c = stops[i].map((a, k) => Math.round(a + f * (stops[i + 1][k] - a)));
    return `rgb(${c[0]},${c[1]},${c[2]})`;
  };
  // The part of it that stands out as a line on the ground.
  const lineColor = (t) => viridis(isDark() ? 0.25 + 0.75 * t : 0.82 * t);

  const tip = make("div");
  tip.id = "tip";
  document.body.append(tip);
  const showTip = (text, x, y) => {
    tip.textContent = text;
    tip.className = "on";
    const box = tip.getBoundingClientRect();
    tip.style.left = clamp(x + 14, 6, innerWidth - box.width - 6) + "px";
    tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18) + "px";
  };
  const hideTip = () => { tip.className = ""; };
  const onHover = (node, text) => {
    node.addEventListener("pointermove", (e) => {
      const t = text(e);
      if (t) showTip(t, e.clientX, e.clientY); else hideTip();
    });
    node.addEventListener("pointerleave", hideTip);
  };
  addEventListener("scroll", hideTip, { passive: true });

  const segments = (names, current, choose) => {
    const row = make("div", "segments");
    names.forEach((name, i) => {
      const b = make("button", "", name);
      b.type = "button";
      b.setAttribute("aria-pressed", String(i === current));
      b.onclick = () => choose(i);
      row.append(b);
    });
    return row;
  };
  const key = (entries) => {
    const p = make("p", "key");
    for (const [name, c, kind] of entries) {
      const s = make("span", kind || "", name);
      s.style.setProperty("--k", c);
      p.append(s);
    }
    return p;
  };
  const none = (plot, text) => plot.append(make("p", "none", text));
  const ticks = (a, b, count) => {
    const raw = (b - a) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
    const size = ([1, 2, 5].find((k) => k * power >= raw * 0.999) || 10) * power, out = [];
    for (let k = Math.ceil(a / size - 1e-9); k * size <= b + size * 1e-9 && out.length < 50; k++) out.push(k * size);
    return out;
  };
  const decades = (a, b, most) => {
    const from = Math.ceil(a - 1e-9), to = Math.floor(b + 1e-9), every = Math.max(1, Math.ceil((to - from + 1) / most)), out = [];
    for (let k = Math.ceil(from / every) * every; k <= to; k += every) out.push(k);
    return out;
  };

  const names = data ? data.layers.map((l) => l.path) : [];
  const state = { relative: true, look: null, all: {} };
  const relative = (l, s) => {
    const g = data.gradient[l][s], e = data.endGradient[s];
    return isNumber(g) && isNumber(e) && e > 0 ? g / e : null;
  };
  // The first look of training: the loss has not fallen yet.
  const firstLook = () => (data.steps.length > 1 && data.steps[0] === 0 ? 1 : 0);

  // MARK: The heat map

  const flow = (plot) => {
    const L = names.length, S = data.steps.length, width = plot.clientWidth || 900;
    const value = (l, s) => (state.relative ? relative(l, s) : data.gradient[l][s]);
    const row = make("div", "bar-row");
    row.append(segments(["compared with the last layer", "as it is"], state.relative ? 0 : 1, (i) => { state.relative = i === 0; draw(plot); }));
    plot.append(row);
    let low = Infinity, high = -Infinity;
    for (let l = 0; l < L; l++) for (let s = 0; s < S; s++) {
      const v = value(l, s);
      if (v > 0) { low = Math.min(low, Math.log10(v)); high = Math.max(high, Math.log10(v)); }
    }
    const flat = data.gradient.flatMap((line) => line);
    if (low > high) { low = -1; high = 0; }
    low = Math.max(Math.floor(low), Math.ceil(high) - 40);
    high = Math.max(Math.ceil(high), low + 2);
    const isNarrow = width < 520;
    const longest = Math.max(...names.map((n) => n.length), 5);
    const left = Math.min(isNarrow ? 92 : 170, 12 + 7 * longest);
    const h = clamp(Math.floor(560 / L), 7, 24), top = 6, cw = (width - left - 2) / S;
    const height = top + L * h + 40;
    const g = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Size of the gradient, layers by steps" });
    const every = Math.ceil(13 / h);
    names.forEach((name, l) => {
      if (l % every === 0 || l === L - 1 && l % every > every / 2) {
        g.append(svg("text", { x: left - 8, y: top + (l + 0.5) * h + 4, "text-anchor": "end", class: "name" }, shorten(name, Math.floor((left - 10) / 6.6))));
      }
      for (let s = 0; s < S; s++) {
        const v = value(l, s);
        const fill = v > 0 ? viridis((Math.log10(v) - low) / (high - low)) : v === 0 ? "#000" : color("bad");
        const cell = svg("rect", { class: "cell", x: (left + s * cw).toFixed(2), y: top + l * h, width: Math.max(1, cw - 1).toFixed(2), height: Math.max(1, h - 1), fill });
        cell.dataset.at = l + "," + s;
        g.append(cell);
      }
    });
    let free = -Infinity;
    data.steps.forEach((s, i) => {
      const x = left + (i + 0.5) * cw, text = String(s), half = text.length * 3.6 + 5;
      if (x - half < free) return;
      g.append(svg("text", { x: x.toFixed(1), y: top + L * h + 16, "text-anchor": "middle" }, text));
      free = x + half;
    });
    g.append(svg("text", { x: left + (width - left) / 2, y: height - 6, "text-anchor": "middle" }, "step that was looked at (0: before training)"));
    onHover(g, (e) => {
      const at = e.target.dataset && e.target.dataset.at;
      if (!at) return null;
      const [l, s] = at.split(",").map(Number), r = relative(l, s), v = data.gradient[l][s];
      return `${names[l]}, ${step(data.steps[s])}\n${r === null ? "no gradient to compare with" : number(r) + " of the last layer's gradient"}\nsize ${number(v)}`;
    });
    plot.append(g);
    // Legend
    const lw = Math.min(300, width - 20), legend = svg("svg", { viewBox: `0 0 ${width} 44`, "aria-hidden": "true" });
    for (let i = 0; i < 60; i++) legend.append(svg("rect", { x: left + (i * lw) / 60, y: 6, width: lw / 60 + 0.6, height: 10, fill: viridis((i + 0.5) / 60) }));
    for (const k of decades(low, high, 6)) legend.append(svg("text", { x: left + ((k - low) / (high - low)) * lw, y: 32, "text-anchor": "middle" }, power(k)));
    legend.append(svg("text", { x: left + lw + 16, y: 15 }, isNarrow ? "" : state.relative ? "share of the last layer's gradient" : "size of the gradient"));
    plot.append(legend);
    const extras = [];
    if (flat.includes(0)) extras.push(["black: no gradient at all", "#000", "dot"]);
    if (flat.some((v) => v === null)) extras.push(["not a number", color("bad"), "dot"]);
    if (extras.length) plot.append(key(extras));
    return L * S;
  };

  // MARK: Factors of the gain

  // Bars of factors on a logarithmic axis, a row a layer, at one look; marks where theory expects them.
  const factors = (plot, rows, series, label, about) => {
    const S = data.steps.length, width = plot.clientWidth || 900;
    if (state.look === null) state.look = firstLook();
    const s = clamp(state.look, 0, S - 1);
    const row = make("div", "bar-row");
    if (S > 1) {
      const label = make("label", "", "at "), slider = make("input"), out = make("span", "", step(data.steps[s]));
      slider.type = "range"; slider.min = 0; slider.max = S - 1; slider.value = s;
      slider.setAttribute("aria-label", "which look");
      slider.oninput = () => { state.look = Number(slider.value); draw(plot, true); };
      label.append(slider, out);
      row.append(label);
    }
    plot.append(row);
    const at = (values) => (values && isNumber(values[s]) && values[s] > 0 ? Math.log10(values[s]) : null);
    let low = -1, high = 0.5;
    for (const r of rows) for (const { values, theory } of series) for (const list of [values(r), theory ? theory(r) : null]) for (const v of list || []) if (v > 0) { low = Math.min(low, Math.log10(v)); high = Math.max(high, Math.log10(v)); }
    low = Math.max(low, -8) - 0.05; high = Math.min(high, 8) + 0.05;
    const left = Math.min(width < 520 ? 92 : 170, 12 + 7 * Math.max(...rows.map((r) => r.name.length), 5)), right = 12;
    const h = clamp(Math.floor(760 / rows.length), 10, 30), top = 22, height = top + h * rows.length + 8;
    const px = (v) => left + ((clamp(v, low, high) - low) / (high - low)) * (width - left - right);
    const g = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    const marks = high - low > 3 ? decades(low, high, width < 520 ? 5 : 9).map((k) => [k, power(k)]) : [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30].map((v) => [Math.log10(v), String(v)]).filter(([k]) => k >= low && k <= high);
    for (const [k, text] of marks) {
      g.append(svg("line", { x1: px(k), x2: px(k), y1: top - 4, y2: height - 6, class: k === 0 ? "zero" : "grid" }));
      g.append(svg("text", { x: px(k), y: 12, "text-anchor": "middle" }, "×" + text));
    }
    const b = Math.max(2, (h - 4) / series.length), every = Math.ceil(13 / h);
    let count = 0;
    rows.forEach((r, i) => {
      const y = top + i * h;
      if (i % every === 0) g.append(svg("text", { x: left - 8, y: y + h / 2 + 4, "text-anchor": "end", class: "name" }, shorten(r.name, Math.floor((left - 10) / 6.6))));
      series.forEach((one, k) => {
        const values = one.values(r), v = at(values), t = one.theory ? at(one.theory(r)) : null, dy = k * b;
        if (v !== null) {
          const node = svg("rect", { x: Math.min(px(v), px(0)), width: Math.max(1.5, Math.abs(px(v) - px(0))), y: y + 1 + dy, height: b - 0.5, fill: one.color });
          onHover(node, () => `${r.name}, ${one.what}: ×${number(values[s])}${t === null ? "" : `\nexpected ×${number(10 ** t)}`}${about ? "\n" + about(r, s) : ""}`);
          g.append(node);
          count++;
        }
        if (t !== null) g.append(svg("line", { x1: px(t), x2: px(t), y1: y + dy, y2: y + dy + b + 1, stroke: color("ink"), "stroke-width": 2 }));
      });
    });
    plot.append(g);
    return count;
  };
  const decomposition = (plot) => {
    const shown = names.map((name, l) => ({ name, l })).filter(({ l }) => data.gain[l].some(isNumber));
    if (!shown.length) { none(plot, "No layer passes a gradient on."); return 0; }
    const count = factors(plot, shown, [
      { what: "activation", color: color("c1"), values: ({ l }) => data.activationGain[l], theory: ({ l }) => data.activationTheory[l] },
      { what: "weights, normalisation, shortcut", color: color("c0"), values: ({ l }) => data.transportGain[l], theory: ({ l }) => data.transportTheory[l] },
    ], "Factors of the gradient, layer by layer",
    ({ l }, s) => `whole layer ×${number(data.gain[l][s])}${data.layers[l].theory ? `, by mean-field theory ×${number(data.layers[l].theory)}` : ""}`);
    plot.append(key([["activation", color("c1")], ["weights, normalisation, shortcut", color("c0")], ["expected: √E[φ′²], √(n·E[w²])", color("ink"), "mark"]]));
    return count;
  };
  const branches = (plot) => {
    const count = factors(plot, data.branches.map((b) => ({ name: b.path, b })), [
      { what: "gradient through the branch", color: color("c1"), values: ({ b }) => b.gradient },
      { what: "value of the branch", color: color("c0"), values: ({ b }) => b.signal },
    ], "Residual branches beside their shortcuts", () => "the shortcut is ×1");
    plot.append(key([["gradient through the branch", color("c1")], ["value of the branch", color("c0")]]));
    return count;
  };
  const gates = (plot) => {
    const chosen = spread(data.gates.length, 14).map((i) => data.gates[i]);
    return overLooks(plot, chosen.map((g, i) => ({ name: g.path, y: g.opening, color: lineColor(chosen.length > 1 ? i / (chosen.length - 1) : 0), width: 1.6, hidden: i > 0 && i < chosen.length - 1 })), { range: [0, 1.02] });
  };

  // MARK: Small multiples

  const panels = (plot, list, most, id, drawPanel) => {
    const isAll = state.all[id], shown = isAll ? list : spread(list.length, most).map((i) => list[i]);
    const grid = make("div", shown.length <= 3 ? "panels few" : "panels");
    plot.append(grid);
    let count = 0;
    for (const l of shown) {
      const panel = make("div", "panel"), label = make("div", "label", names[l]);
      const act = data.layers[l].activation;
      if (act) label.append(make("span", "", " " + act));
      label.title = names[l];
      panel.append(label);
      grid.append(panel);
      count += drawPanel(panel, l) || 0;
    }
    if (list.length > most) {
      const b = make("button", "", isAll ? "Show fewer" : `Show all ${list.length} layers`);
      b.type = "button";
      b.onclick = () => { state.all[id] = !isAll; draw(plot); };
      const row = make("p");
      row.append(b);
      plot.append(row);
    }
    return count;
  };
  const canvas = (panel, height) => {
    const c = make("canvas"), width = panel.clientWidth || 150, k = devicePixelRatio || 1;
    c.width = Math.round(width * k); c.height = Math.round(height * k);
    c.style.height = height + "px";
    const x = c.getContext("2d");
    x.scale(k, k);
    panel.append(c);
    return [c, x, width];
  };

  const ridges = (plot) => {
    const kind = plot.dataset.kind, series = data[kind];
    const list = names.map((_, l) => l).filter((l) => series[l].some((h) => h));
    if (!list.length) { none(plot, "Nothing to show."); return 0; }
    const looks = spread(data.steps.length, 9);
    const count = panels(plot, list, 12, kind, (panel, l) => ridge(panel, l, kind, looks, 108));
    plot.append(key([[step(data.steps[looks[0]]), lineColor(0)], [step(data.steps[last(looks)]), lineColor(1)]]));
    return count;
  };
  const ridge = (panel, l, kind, looks, height) => {
    const [c, x, width] = canvas(panel, height);
    const all = looks.map((s) => data[kind][l][s]);
    let low = Infinity, high = -Infinity;
    // The range that holds all but half a per cent at either end, so that a stray value does not squeeze the rest.
    for (const h of all) {
      if (!h || !isNumber(h.low) || !isNumber(h.high)) continue;
      const total = h.counts.reduce((a, b) => a + b, 0), w = (h.high - h.low) / Math.max(1, h.counts.length);
      let sum = 0, a = h.low, b = h.high;
      for (let i = 0; i < h.counts.length; i++) { sum += h.counts[i]; if (sum > 0.005 * total) { a = h.low + i * w; break; } }
      sum = 0;
      for (let i = h.counts.length - 1; i >= 0; i--) { sum += h.counts[i]; if (sum > 0.005 * total) { b = h.low + (i + 1) * w; break; } }
      low = Math.min(low, a); high = Math.max(high, b);
    }
    if (kind === "slopes") { low = 0; high = 1; }
    if (!(high > low)) { const m = isNumber(low) ? low : 0; low = m - 1; high = m + 1; }
    const px = (v) => 1 + ((v - low) / (high - low)) * (width - 2);
    const gap = (height - 42) / Math.max(1, looks.length - 1);
    let count = 0;
    looks.forEach((s, i) => {
      const h = all[i], base = looks.length > 1 ? 38 + i * gap : height - 4;
      if (!h || !isNumber(h.low)) return;
      const n = h.counts.length, w = ((h.high ?? h.low) - h.low) / Math.max(1, n);
      // Density of the visible part, at a height that the tallest bin decides (a root, so that low ones are seen).
      const top = Math.max(...h.counts, 1);
      x.beginPath();
      x.moveTo(px(Math.max(h.low, low)), base);
      if (w <= 0) { const p = px(h.low); x.moveTo(p - 1, base); x.lineTo(p - 1, base - 34); x.lineTo(p + 1, base - 34); x.lineTo(p + 1, base); }
      else for (let k = 0; k < n; k++) {
        const v = h.low + (k + 0.5) * w;
        if (v < low || v > high) continue;
        x.lineTo(px(v), base - 34 * Math.sqrt(h.counts[k] / top));
        count++;
      }
      x.lineTo(px(Math.min(h.high ?? h.low, high)), base);
      x.closePath();
      const t = looks.length > 1 ? i / (looks.length - 1) : 1;
      x.globalAlpha = 0.85; x.fillStyle = color("panel"); x.fill();
      x.globalAlpha = 0.28; x.fillStyle = lineColor(t); x.fill();
      x.globalAlpha = 1; x.strokeStyle = lineColor(t); x.lineWidth = 1.2; x.stroke();
    });
    const ends = make("div", "ends");
    ends.append(make("span", "", number(low)), make("span", "", number(high)));
    panel.append(ends);
    onHover(c, (e) => {
      const y = e.offsetY, i = clamp(Math.round((y - 30) / gap || 0), 0, looks.length - 1), s = looks[i];
      const m = data.sumsMean[l][s], d = data.sumsDeviation[l][s], sat = data.saturated[l][s];
      return `${names[l]}, ${step(data.steps[s])}\nz: mean ${number(m)}, deviation ${number(d)}` + (isNumber(sat) ? `\n${number(100 * sat)} % where the slope is below 5 % of its steepest` : "");
    });
    return count;
  };

  // Blue for units that fire, red for those that never do.
  const fireColor = (p) => {
    if (p === null || p === undefined) return color("grid");
    if (p === 0) return isDark() ? "#ff6b4a" : "#c8371a";
    const t = p / 100, a = isDark() ? [34, 52, 72] : [222, 235, 245], b = isDark() ? [110, 190, 240] : [8, 81, 140];
    return `rgb(${a.map((v, k) => Math.round(v + t * (b[k] - v))).join(",")})`;
  };
  const units = (plot) => {
    const list = names.map((_, l) => l).filter((l) => data.units[l]);
    if (!list.length) { none(plot, "No layer has an activation of its own."); return 0; }
    if (list.every((l) => data.units[l].fires.every((u) => u.every((v) => v === null || v === 100)))) {
      none(plot, "Here every unit passes a gradient for every row: the slope of this activation is never exactly 0.");
    }
    const count = panels(plot, list, 12, "units", (panel, l) => unitGrid(panel, l, 96));
    plot.append(key([["fires for no row", fireColor(0), "dot"], ["for few", fireColor(12), "dot"], ["for half", fireColor(50), "dot"], ["for all", fireColor(100), "dot"]]));
    return count;
  };
  const unitGrid = (panel, l, height) => {
    const u = data.units[l], [c, x, width] = canvas(panel, height), S = data.steps.length;
    const w = width / S, h = height / u.fires.length;
    u.fires.forEach((line, i) => line.forEach((v, s) => {
      x.fillStyle = fireColor(v);
      x.fillRect(s * w, i * h, w + (w > 4 ? -0.5 : 0.5), h + (h > 4 ? -0.5 : 0.5));
    }));
    const dead = u.fires.filter((line) => last(line) === 0).length;
    const ends = make("div", "ends");
    ends.append(make("span", "", `${u.fires.length} ${data.layers[l].unit}s`), make("span", "", dead ? `${dead} dead` : ""));
    panel.append(ends);
    onHover(c, (e) => {
      const s = clamp(Math.floor(e.offsetX / w), 0, S - 1), i = clamp(Math.floor(e.offsetY / h), 0, u.fires.length - 1), v = u.fires[i][s];
      return `${names[l]}, ${data.layers[l].unit} ${u.units[i]}, ${step(data.steps[s])}\n` + (v === null ? "not measured" : v === 0 ? "fires for no row" : `fires for ${v} % of the rows`);
    });
    return u.fires.length * S;
  };

  // MARK: Curves

  const curves = (plot, x, lines, options = {}) => {
    const width = plot.clientWidth || 400, height = options.height || 230;
    const usable = lines.filter((l) => l.y.some(isNumber));
    if (!usable.length || !x.length) { none(plot, "Nothing was measured."); return 0; }
    const values = usable.flatMap((l) => l.y).filter(isNumber);
    // A logarithmic axis where the values span more than a decade or so.
    const isLog = options.log && values.every((v) => v > 0) && values.reduce((a, b) => Math.max(a, b)) > 20 * values.reduce((a, b) => Math.min(a, b));
    const tidy = (v) => (isNumber(v) && (!isLog || v > 0) ? v : null);
    const isDecade = (v) => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-6;
    const axis = { stroke: color("quiet"), grid: { stroke: color("grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif", gap: 4 };
    const chart = new uPlot({
      width, height, padding: [8, 16, 0, 0], legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false }, focus: { prox: 24 } }, focus: { alpha: 0.35 },
      scales: {
        x: { time: false, distr: 1 },
        y: { distr: isLog ? 3 : 1, range: options.range ? () => options.range : isLog ? undefined : (u, a, b) => { if (a === b) { a -= 0.5; b += 0.5; } const m = 0.06 * (b - a); return [a - m, b + m]; } },
      },
      axes: [
        {
          ...axis, size: 28, label: options.xLabel || "step", labelSize: 16, labelGap: 0, labelFont: "12px system-ui, sans-serif",
          ...(options.looks ? { incrs: [1, 2, 3, 4, 5, 8, 10, 20], space: 34, values: (u, at) => at.map((i) => options.looks[i] ?? "") } : {}),
        },
        {
          ...axis, size: 58, filter: (u, at) => at.map((v) => (isLog && !isDecade(v) ? null : v)),
          grid: { ...axis.grid, filter: (u, at) => at.map((v) => (isLog && !isDecade(v) ? null : v)) },
          values: (u, at) => at.map((v) => (v === null ? "" : isLog ? power(Math.round(Math.log10(v))) : (options.format || number)(v))),
        },
      ],
      series: [{}, ...usable.map((l) => ({ label: l.name, stroke: l.color, width: l.width || 2, dash: l.dash, spanGaps: true, points: { show: l.points ?? x.length < 3, size: 5 }, alpha: l.alpha ?? 1 }))],
      hooks: {
        setCursor: [(u) => {
          const i = u.cursor.idx;
          if (i === null || i === undefined || u.cursor.left < 0) { hideTip(); return; }
          const box = u.over.getBoundingClientRect();
          const rows = u.series.slice(1).map((s, k) => [s.label, u.data[k + 1][i]]).filter((r) => isNumber(r[1]));
          if (!rows.length) { hideTip(); return; }
          const many = rows.length > 6 ? rows.filter((_, k) => k % Math.ceil(rows.length / 6) === 0 || k === rows.length - 1) : rows;
          showTip(`${options.xLabel || "step"} ${options.looks ? options.looks[i] : u.data[0][i]}\n` + many.map(([n, v]) => `${n}: ${(options.format || number)(v)}`).join("\n"), box.left + u.cursor.left, box.top + 20);
        }],
      },
    }, [x, ...usable.map((l) => l.y.map(tidy))], plot);
    chart.over.addEventListener("pointerleave", hideTip);
    if (options.key !== false) plot.append(key(usable.filter((l) => !l.hidden).map((l) => [l.name, l.color, l.dash ? "dash" : ""])));
    return usable.reduce((n, l) => n + l.y.filter(isNumber).length, 0);
  };
  // Puts points of several series on one line of steps.
  const joined = (parts) => {
    const xs = [...new Set(parts.flatMap((p) => p.x))].sort((a, b) => a - b), index = new Map(xs.map((v, i) => [v, i]));
    return [xs, parts.map((p) => { const y = Array(xs.length).fill(null); p.x.forEach((v, i) => { y[index.get(v)] = p.y[i]; }); return y; })];
  };
  // Curves over the looks, evenly spaced as in the heat map, so that the beginning is seen.
  const overLooks = (plot, lines, options) => curves(plot, data.steps.map((_, i) => i), lines, { ...options, looks: data.steps });
  const loss = (plot) => {
    const [x, [step, train, held]] = joined([data.losses, { x: data.evaluationSteps, y: data.trainLoss }, { x: data.evaluationSteps, y: data.heldOutLoss }]);
    return curves(plot, x, [
      { name: "each step", y: step, color: color("c5"), width: 1, alpha: 0.8, points: false }, { name: "rows it learns from", y: train, color: color("c0") },
      { name: "rows not seen", y: held, color: color("c1") }], { log: true });
  };
  const skills = (plot) => {
    const x = data.evaluationSteps, lines = [{ name: "rows it learns from", y: data.trainSkill, color: color("c0"), points: true }, { name: "rows not seen", y: data.heldOutSkill, color: color("c1"), points: true }];
    const shades = { "always the same answer": color("quiet"), "linear model": color("c4"), "nearest neighbours": color("c2") };
    for (const [name, c] of Object.entries(shades)) {
      if (isNumber(data.yardstick[name])) lines.push({ name, y: x.map(() => data.yardstick[name]), color: c, dash: [5, 4], width: 1.5, points: false });
    }
    return curves(plot, x, lines, { format: skill, range: data.isShare ? [0, 1.02] : undefined });
  };
  const oneBatch = (plot) => curves(plot, data.oneBatch.x, [{ name: "loss of one batch", y: data.oneBatch.y, color: color("c0") }], { log: true, key: false });
  const byLayer = (plot, get, options) => {
    const list = data.weights.filter((w) => get(w).some(isNumber)), chosen = spread(list.length, 14).map((i) => list[i]);
    const lines = chosen.map((w, i) => ({ name: w.path, y: get(w), color: lineColor(chosen.length > 1 ? i / (chosen.length - 1) : 0), width: 1.6, hidden: i > 0 && i < chosen.length - 1 }));
    return overLooks(plot, lines, options);
  };
  const coherence = (plot) => byLayer(plot, (w) => w.coherence, { range: [0, 1.02] });
  const turning = (plot) => byLayer(plot, (w) => w.turning, { range: [-1.03, 1.03] });
  const updates = (plot) => byLayer(plot, (w) => w.updateRatio, { log: true });

  // MARK: Inputs

  const columns = (plot) => {
    const { indices, means, deviations } = data.columns, n = indices.length;
    if (!n) { none(plot, "The inputs have no columns."); return 0; }
    const width = plot.clientWidth || 800, height = 190, left = 56, bottom = 26, top = 8;
    let low = Math.min(-1, ...means.map((m, i) => (m ?? 0) - (deviations[i] ?? 0))), high = Math.max(1, ...means.map((m, i) => (m ?? 0) + (deviations[i] ?? 0)));
    const px = (i) => left + ((i + 0.5) / n) * (width - left - 8), py = (v) => top + ((high - v) / (high - low)) * (height - top - bottom);
    const g = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Mean and deviation of the input columns" });
    for (const t of ticks(low, high, 5)) {
      g.append(svg("line", { x1: left, x2: width - 8, y1: py(t), y2: py(t), class: Math.abs(t) < 1e-12 ? "zero" : "grid" }));
      g.append(svg("text", { x: left - 6, y: py(t) + 4, "text-anchor": "end" }, number(Math.abs(t) < 1e-12 ? 0 : t)));
    }
    const w = clamp(((width - left) / n) * 0.55, 1.2, 14), r = clamp(w * 0.75, 1.4, 4);
    indices.forEach((c, i) => {
      const m = means[i], d = deviations[i];
      const node = svg("g");
      node.append(svg("rect", { x: px(i) - w / 2, width: w, y: py((m ?? 0) + (d ?? 0)), height: Math.max(1, py((m ?? 0) - (d ?? 0)) - py((m ?? 0) + (d ?? 0))), fill: color("c5"), opacity: 0.55 }));
      node.append(svg("circle", { cx: px(i), cy: py(m ?? 0), r, fill: isNumber(m) ? color("c0") : color("bad") }));
      onHover(node, () => `column ${c}\nmean ${number(m)}\ndeviation ${number(d)}` + (d === 0 ? "\nit never changes" : ""));
      g.append(node);
    });
    g.append(svg("text", { x: (left + width) / 2, y: height - 4, "text-anchor": "middle" }, `column (0 to ${last(indices)})`));
    plot.append(g);
    return n;
  };
  const conditioning = (plot) => {
    const list = names.map((_, l) => l).filter((l) => data.offCentre[l].some(isNumber)), chosen = spread(list.length, 14).map((i) => list[i]);
    return overLooks(plot, chosen.map((l, i) => ({ name: names[l], y: data.offCentre[l], color: lineColor(chosen.length > 1 ? i / (chosen.length - 1) : 0), width: 1.6, hidden: i > 0 && i < chosen.length - 1 })), { log: true });
  };

  // MARK: Trials

  const trials = (plot) => {
    const list = data.trials, width = plot.clientWidth || 900, isNarrow = width < 560;
    const reach = list.flatMap((t) => [t.low, t.high, t.gain]).filter(isNumber);
    let low = Math.min(0, ...reach), high = Math.max(0, ...reach);
    const pad = 0.06 * (high - low || 1); low -= pad; high += pad;
    const left = isNarrow ? 8 : Math.min(400, 24 + 6.6 * Math.max(...list.map((t) => t.title.length + (t.isRandom ? 10 : t.verdict === "eliminated" ? 16 : 0)), 20));
    const h = isNarrow ? 44 : 30, top = 8, height = top + (list.length + 1) * h + 40, right = 14;
    const px = (v) => left + ((clamp(v, low, high) - low) / (high - low)) * (width - left - right);
    const g = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Gains with 95 % intervals" });
    const scale = data.isShare ? (v) => (v > 0 ? "+" : "") + number(Math.round(v * 1000) / 10) : (v) => (v > 0 ? "+" : "") + number(v);
    for (const t of ticks(low, high, isNarrow ? 4 : 7)) {
      const z = Math.abs(t) < 1e-12;
      g.append(svg("line", { x1: px(t), x2: px(t), y1: top, y2: height - 36, class: z ? "zero" : "grid" }));
      g.append(svg("text", { x: px(t), y: height - 20, "text-anchor": "middle" }, z ? "0" : scale(t)));
    }
    g.append(svg("text", { x: (left + width - right) / 2, y: height - 3, "text-anchor": "middle" }, `gain in ${data.skillName}${data.isShare ? ", percentage points" : ""}`));
    const line = (i, title, c, gain, a, b, text, isOpen) => {
      const y = top + i * h + (isNarrow ? 30 : h / 2);
      g.append(svg("text", isNarrow ? { x: left, y: y - 13, class: "name" } : { x: left - 14, y: y + 4, "text-anchor": "end", class: "name" }, title));
      const node = svg("g");
      node.append(svg("rect", { x: left, y: y - 10, width: width - left - right, height: 20, fill: "transparent" }));
      if (isNumber(a) && isNumber(b)) node.append(svg("line", { x1: px(a), x2: px(b), y1: y, y2: y, stroke: c, "stroke-width": 2.5, "stroke-linecap": "round" }));
      if (isNumber(gain)) node.append(svg("circle", { cx: px(gain), cy: y, r: 5.5, fill: isOpen ? color("panel") : c, stroke: c, "stroke-width": 2 }));
      onHover(node, () => text);
      g.append(node);
    };
    const means = list.map((t) => t.control.filter(isNumber)).find((c) => c.length) || [];
    line(0, "do nothing (control)", color("quiet"), 0, null, null, "the same seeds without a change" + (means.length ? `\n${data.skillName} ${skill(means.reduce((a, b) => a + b, 0) / means.length)}` : ""));
    const sentence = (t) => t.title + (t.isRandom ? " (by lot)" : t.verdict === "eliminated" ? " (gave up early)" : "");
    list.forEach((t, i) => {
      const c = t.verdict === "proven" ? color("good") : t.verdict === "worse" || t.verdict === "failed" ? color("bad") : color("quiet");
      const treated = t.treated.filter(isNumber);
      line(i + 1, sentence(t), c, t.gain, t.low, t.high,
        `${t.title}: ${t.words}` + (isNumber(t.gain) ? `\n${scale(t.gain)}` : "") + (isNumber(t.low) && isNumber(t.high) ? ` [${scale(t.low)}, ${scale(t.high)}]` : "") + (treated.length ? `\n${data.skillName} ${skill(treated.reduce((a, b) => a + b, 0) / treated.length)}` : ""), t.isRandom || t.verdict === "eliminated");
    });
    plot.append(g);
    plot.append(key([["proven", color("good"), "dot"], ["not proven", color("quiet"), "dot"], ["worse", color("bad"), "dot"]]));
    return list.length + 1;
  };

  // MARK: Evidence in the cards

  const profile = (plot) => {
    const s = firstLook(), width = plot.clientWidth || 700, list = names.map((_, l) => l).filter((l) => relative(l, s) !== null);
    if (!list.length) { none(plot, "No gradient was measured."); return 0; }
    // What theory expects, counted from the end.
    const theory = [];
    let product = 1;
    for (let l = names.length - 1; l >= 0; l--) { theory[l] = product; product = isNumber(data.layers[l].theory) ? product * data.layers[l].theory : NaN; }
    const values = list.flatMap((l) => [relative(l, s), theory[l]]).filter((v) => v > 0).map(Math.log10);
    const low = Math.min(-1, Math.max(-40, Math.floor(Math.min(...values)))), high = Math.max(0, Math.min(40, Math.ceil(Math.max(...values))));
    const left = 52, top = 10, bottom = 34, height = 200, right = 10;
    const px = (i) => left + (list.length > 1 ? i / (list.length - 1) : 0.5) * (width - left - right), py = (v) => top + ((high - clamp(v, low, high)) / (high - low)) * (height - top - bottom);
    const g = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Gradient by layer" });
    for (const k of decades(low, high, 6)) {
      g.append(svg("line", { x1: left, x2: width - right, y1: py(k), y2: py(k), class: k === 0 ? "zero" : "grid" }));
      g.append(svg("text", { x: left - 6, y: py(k) + 4, "text-anchor": "end" }, power(k)));
    }
    const path = (f) => list.map((l, i) => [i, f(l)]).filter(([, v]) => v > 0).map(([i, v]) => `${px(i).toFixed(1)},${py(Math.log10(v)).toFixed(1)}`).join(" ");
    const hasTheory = list.some((l) => l < names.length - 1 && theory[l] > 0);
    if (hasTheory) g.append(svg("polyline", { points: path((l) => theory[l]), fill: "none", stroke: color("quiet"), "stroke-width": 1.5, "stroke-dasharray": "5 4" }));
    g.append(svg("polyline", { points: path((l) => relative(l, s)), fill: "none", stroke: color("c0"), "stroke-width": 2 }));
    list.forEach((l, i) => {
      const v = relative(l, s), dot = svg("circle", { cx: px(i), cy: py(v > 0 ? Math.log10(v) : low), r: 4, fill: v > 0 ? color("c0") : color("bad") });
      onHover(dot, () => `${names[l]}: ${number(v)} of the last layer's gradient` + (theory[l] > 0 ? `\nby mean-field theory ${number(theory[l])}` : ""));
      g.append(dot);
    });
    g.append(svg("text", { x: px(0), y: height - 12, "text-anchor": "start" }, shorten(names[list[0]], 20)));
    if (list.length > 1) g.append(svg("text", { x: px(list.length - 1), y: height - 12, "text-anchor": "end" }, shorten(names[last(list)], 20)));
    plot.append(g);
    plot.append(key([["measured at " + step(data.steps[s]), color("c0")], ...(hasTheory ? [["mean-field theory", color("quiet"), "dash"]] : [])]));
    return list.length;
  };
  const classes = (plot) => {
    const counts = data.classCounts, total = counts.reduce((a, b) => a + b, 0) || 1, n = counts.length, width = plot.clientWidth || 700, height = 180;
    const top = 8, left = 48, bottom = 24, answers = data.predictedShares, shares = counts.map((c) => c / total);
    const high = Math.max(...shares, ...answers.filter(isNumber)), w = (width - left - 8) / n;
    const g = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Classes" });
    const py = (v) => top + (1 - v / high) * (height - top - bottom);
    for (const t of ticks(0, high, 4)) {
      g.append(svg("line", { x1: left, x2: width - 8, y1: py(t), y2: py(t), class: "grid" }));
      g.append(svg("text", { x: left - 6, y: py(t) + 4, "text-anchor": "end" }, number(Math.round(1000 * t) / 10) + " %"));
    }
    shares.forEach((v, i) => {
      const node = svg("g"), b = Math.max(1, Math.min(28, w * 0.4));
      node.append(svg("rect", { x: left + (i + 0.5) * w - b, width: b - 0.5, y: py(v), height: Math.max(0, py(0) - py(v)), fill: color("c0") }));
      if (isNumber(answers[i])) node.append(svg("rect", { x: left + (i + 0.5) * w + 0.5, width: b - 0.5, y: py(answers[i]), height: Math.max(0, py(0) - py(answers[i])), fill: color("c1") }));
      onHover(node, () => `class ${i}\n${number(100 * v)} % of the rows` + (isNumber(answers[i]) ? `\n${number(100 * answers[i])} % of the answers` : ""));
      g.append(node);
      if (i % Math.ceil(n / Math.max(1, (width - left) / 26)) === 0) g.append(svg("text", { x: left + (i + 0.5) * w, y: height - 8, "text-anchor": "middle" }, i));
    });
    plot.append(g, key([["rows of the class", color("c0")], ["answers of the network", color("c1")]]));
    return n;
  };
  const oneLayer = (plot, has, drawPanel) => {
    let list = names.map((_, l) => l).filter(has);
    const named = list.filter((l) => data.marked.includes(names[l]) || names[l] === plot.dataset.layer);
    const at = list.indexOf(names.indexOf(plot.dataset.layer));
    list = named.length ? named.slice(0, 4) : at >= 0 ? [list[at]] : spread(list.length, 4).map((i) => list[i]);
    if (!list.length) { none(plot, "Nothing was measured."); return 0; }
    const grid = make("div", list.length <= 3 ? "panels few" : "panels");
    plot.append(grid);
    let count = 0;
    for (const l of list) {
      const panel = make("div", "panel");
      panel.append(make("div", "label", names[l]));
      grid.append(panel);
      count += drawPanel(panel, l);
    }
    return count;
  };
  const pictures = {
    gradients: profile, loss, skill: skills, oneBatch, inputs: columns, classes, zigzag: coherence, updates,
    slopes: (p) => oneLayer(p, (l) => data.slopes[l].some((h) => h), (panel, l) => ridge(panel, l, "slopes", spread(data.steps.length, 9), 120)),
    firing: (p) => oneLayer(p, (l) => data.units[l], (panel, l) => unitGrid(panel, l, 110)),
    drift: (p) => {
      const list = spread(names.length, 14);
      return overLooks(p, list.map((l, i) => ({ name: names[l], y: data.sumsMean[l], color: lineColor(list.length > 1 ? i / (list.length - 1) : 0), width: 1.6, hidden: i > 0 && i < list.length - 1 })), {});
    },
  };
  const evidence = (plot) => (pictures[plot.dataset.picture] ? pictures[plot.dataset.picture](plot) : 0);

  // MARK: Drawing everything

  const plots = { flow, decomposition, branches, gates, ridges, units, coherence, turning, updates, loss, skill: skills, oneBatch, columns, conditioning, trials, evidence };
  const draw = (plot, keepsFocus) => {
    const had = keepsFocus && plot.contains(document.activeElement);
    hideTip();
    plot.replaceChildren();
    const marks = plots[plot.dataset.plot](plot);
    // How many things were drawn, for those who check the page.
    plot.dataset.marks = marks || 0;
    if (had) plot.querySelector("input")?.focus();
  };
  const drawAll = () => { if (data) document.querySelectorAll("[data-plot]").forEach((p) => draw(p)); };
  drawAll();
  let width = innerWidth, timer = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(timer);
    timer = setTimeout(drawAll, 150);
  });
  document.getElementById("theme").onclick = () => { chosen = isDark() ? "light" : "dark"; applyTheme(); drawAll(); };
  system.addEventListener("change", () => { applyTheme(); drawAll(); });
  document.querySelectorAll(".copy").forEach((button) => {
    button.onclick = async () => {
      const text = button.parentNode.querySelector("template").content.textContent, before = button.textContent;
      try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
      catch { button.textContent = "This browser does not let pages copy"; }
      setTimeout(() => { button.textContent = before; }, 1500);
    };
  });
})();
