"use strict";

const MAPS = {  // 17 points each of matplotlib's maps, made for colour-blind readers too
  viridis: "44015448186a472d7b4240863b528b33638d2c728e26828e21918c1fa08828ae803fbc735ec96284d44baddc30d8e219fde725",
  cividis: "00224e002e6a1a386f32436d434e6c535a6d61656f6f70737d7c788c88789b9476aba072bcae6ccdbb63dec958f0d846fee838",
};
const MARK = "#ff5ca8", HINT = "Point at a cell, or move through them with the arrow keys.";
const redraws = [];  // what is drawn anew when the width or the colours change
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name);
const find = (root, selector) => root.querySelector(selector);
const clamped = (i, count) => Math.min(Math.max(i, 0), count - 1);

function unpacked(packed) {  // the numbers that `packed` of write.py put into codes, as a function of row and column
  const {shape, codes, low, high, log} = packed;
  packed.numbers ??= Array.from(new Uint16Array(Uint8Array.from(atob(codes), c => c.charCodeAt(0)).buffer), code => {
    if (code === 65535) return NaN;
    if (!log) return low + (high - low) * code / 65534;
    return code ? 10 ** (low + (high - low) * (code - 1) / 65533) : 0;
  });
  return (row, column) => packed.numbers[row * shape[1] + column];
}

function shown(x) {
  if (x === 0) return "0";
  if (x == null || !Number.isFinite(x)) return "not finite";
  return Math.abs(x) >= 0.001 && Math.abs(x) < 1e4 ? String(+x.toPrecision(3)) : x.toExponential(1);
}

function ticks(from, to, most, least = 0) {  // at most so many multiples of 1, 2 or 5 times a power of ten
  const rough = Math.max(to - from, 1e-12) / Math.max(most, 1), power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].map(k => k * power).find(k => k >= rough * 0.999), least), found = [];
  for (let k = Math.ceil(from / step - 1e-6); k * step <= to + 1e-6 * step; k++) found.push(k * step);
  return found;
}

function coloured(map, share) {  // 0 to 1 -> [red, green, blue]
  const place = Math.min(Math.max(share, 0), 1) * 16, i = Math.min(Math.floor(place), 15);
  const channel = (point, k) => parseInt(MAPS[map].slice(6 * point + 2 * k, 6 * point + 2 * k + 2), 16);
  return [0, 1, 2].map(k => Math.round(channel(i, k) + (place - i) * (channel(i + 1, k) - channel(i, k))));
}

function made(tag, attributes, ...children) {
  const svg = ["path", "text", "circle"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function arrows(event, actions) {
  if (!(event.key in actions) || event.target.matches("select, input")) return;
  event.preventDefault();
  event.stopPropagation();
  actions[event.key]();
}

function chooser(select, names, change) {  // a select; its label is hidden where there is nothing to choose
  select.replaceChildren(...names.map((name, i) => made("option", {value: i}, name)));
  select.closest("label").hidden = names.length < 2;
  select.onchange = change;
}

// Lines over first, first + step, ...: `show` takes what `of_panel` of write.py gives
function plot(box) {
  const svg = find(box, "svg"), left = 58, bottom = 156;
  let o, count, at, low, high, decades, across;
  const usable = v => v != null && (!o.log || v > 0), scaled = v => o.log ? Math.log10(v) : v;
  function draw() {
    const width = svg.clientWidth || 320, {series, log, x, y, first, step} = o;
    across = (width - left - 10) / Math.max(count - 1, 1);
    const px = i => left + across * i, py = v => bottom - (bottom - 10) * (scaled(v) - low) / (high - low);
    const text = (x, y, anchor, words) => svg.append(made("text", {x, y, "text-anchor": anchor}, words));
    svg.setAttribute("viewBox", `0 0 ${width} 190`);
    svg.replaceChildren(made("path", {class: "axis", d: `M${left} 4V${bottom}H${width - 4}`}));
    const powers = () => ticks(low, high, 5, 1).map(v => 10 ** v);
    for (const v of decades ? powers() : log ? ticks(10 ** low, 10 ** high, 4) : ticks(low, high, 5))
      text(left - 5, py(v) + 4, "end", shown(v));
    for (const i of ticks(first, first + step * (count - 1), (width - left) / 45, step))
      text(px((i - first) / step), bottom + 15, "middle", i);
    text(width - 6, 188, "end", y ? `${x}; upwards: ${y}` : x);
    series.forEach(({values, dot}, k) => {
      const points = values.map((v, i) => usable(v) && `${px(i).toFixed(1)} ${py(v).toFixed(1)}`);
      const d = points.map((point, i) => point ? (points[i - 1] ? "L" : "M") + point : "").join("");
      svg.append(made("path", {class: `curve c${k % 8}`, d}));
      const i = count === 1 ? 0 : dot;
      if (points[i]) svg.append(made("circle", {class: `c${k % 8}`, cx: px(i), cy: py(values[i]), r: 4}));
    });
    if (at !== undefined) svg.append(made("path", {class: "cursor", d: `M${px(at)} 4V${bottom}`}));
  }
  function move(i) {
    at = clamped(i, count);
    const values = o.series.map(s => `${s.name} ${at < s.values.length ? shown(s.values[at]) : "ended before"}`);
    find(box, ".readout").textContent = `${o.x} ${o.first + o.step * at}: ${values.join(", ")}`;
    draw();
  }
  svg.onpointermove = event => move(Math.round((event.clientX - svg.getBoundingClientRect().left - left) / across));
  const by = k => () => move((at ?? 0) + k);
  svg.onkeydown = event => arrows(event, {ArrowLeft: by(-1), ArrowRight: by(1)});
  redraws.push(() => draw());
  return function show(options) {
    o = options;
    const all = o.series.flatMap(s => s.values).filter(usable).map(scaled);
    count = Math.max(...o.series.map(s => s.values.length));
    [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
    if (high - low < 1e-9) [low, high] = [low - 0.5, high + 0.5];
    decades = o.log && high - low > 1.5;
    if (at === undefined) draw(); else move(at);
  };
}

// A map of cells: `show` takes rows, columns; paint(row, column) -> colour; say(row, column); axes, in words; names of
// rows and columns, or their first numbers; a row's height; marks: colour, dashes, points; chosen(row, column)
function heat(canvas, readout) {
  const pen = canvas.getContext("2d"), top = 4, font = "12px system-ui, sans-serif";
  let o, image, cell, across, down, left;
  function named(names, first, count, room) {  // places of the names, or numbers, that there is room for
    const numbers = () => ticks(first, first + count - 1, room, 1).map(number => [number - first, number]);
    const found = names ? [...names.entries()] : numbers();
    return found.filter((_, k) => k % Math.ceil(found.length / Math.max(room, 1)) === 0);
  }
  function draw() {
    const {rows, columns, columnNames} = o, width = canvas.clientWidth || 320, sharp = devicePixelRatio || 1;
    pen.font = font;
    const widest = names => Math.max(...names.map(name => pen.measureText(name).width)) + 10;
    const rowNames = o.height >= 12 ? o.rowNames : undefined;
    left = rowNames ? Math.min(widest(rowNames), width / 4) : 36;
    across = (width - left - 4) / columns;
    down = o.height ?? Math.min(across, 48);
    const turned = columnNames && widest(columnNames) > across + 8;
    const bottom = top + down * rows, height = bottom + (turned ? Math.min(widest(columnNames), 110) : 20) + 18;
    canvas.style.height = `${height}px`;
    [canvas.width, canvas.height] = [width * sharp, height * sharp];
    pen.scale(sharp, sharp);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(image, left, top, across * columns, down * rows);
    for (const [colour, dashes, ...points] of [[css("--faint"), [], [0, rows], [columns, rows]], ...o.marks || []]) {
      pen.strokeStyle = colour;
      pen.setLineDash(dashes);
      pen.beginPath();
      for (const [x, y] of points) pen.lineTo(left + x * across, top + y * down);
      pen.stroke();
    }
    pen.font = font;
    pen.textBaseline = "middle";
    pen.fillStyle = css("--ink");
    pen.textAlign = "right";
    for (const [r, name] of named(rowNames, o.firstRow, rows, down * rows / 13))
      pen.fillText(name, left - 5, top + (r + 0.5) * down, left - 6);
    for (const [c, name] of named(columnNames, o.firstColumn, columns, across * columns / (columnNames ? 10 : 38))) {
      if (c < (o.from ?? 0)) continue;
      pen.save();
      pen.translate(left + (c + 0.5) * across, bottom + (turned ? 4 : 11));
      if (turned) pen.rotate(-Math.PI / 2); else pen.textAlign = "center";
      pen.fillText(name, 0, 0, 106);
      pen.restore();
    }
    pen.textAlign = "left";
    pen.fillStyle = css("--faint");
    pen.fillText(o.axes, 2, height - 8, width - 4);
    if (!cell) return;
    [pen.strokeStyle, pen.lineWidth] = [MARK, 2];
    pen.setLineDash([]);
    pen.strokeRect(left + cell[1] * across - 1, top + cell[0] * down - 1, across + 2, down + 2);
  }
  function move(row, column) {
    cell = [clamped(row, o.rows), clamped(column, o.columns)];
    readout.textContent = o.say(...cell);
    draw();
  }
  function pointed(event) {
    const box = canvas.getBoundingClientRect();
    move(Math.floor((event.clientY - box.top - top) / down), Math.floor((event.clientX - box.left - left) / across));
  }
  canvas.onpointermove = pointed;
  canvas.onclick = event => { pointed(event); o.chosen?.(...cell); };
  canvas.onkeydown = event => {
    const [row, column] = cell ?? [o.rows - 1, 0], go = (by, over) => () => move(row + by, column + over);
    arrows(event, {ArrowUp: go(-1, 0), ArrowDown: go(1, 0), ArrowLeft: go(0, -1), ArrowRight: go(0, 1),
      Enter: () => { move(row, column); o.chosen?.(row, column); }});
  };
  redraws.push(() => draw());
  return function show(options) {
    o = options;
    image = made("canvas", {width: o.columns, height: o.rows});
    const pixels = new ImageData(o.columns, o.rows);
    for (let r = 0; r < o.rows; r++)
      for (let c = 0, rgb; c < o.columns; c++)
        if ((rgb = o.paint(r, c))) pixels.data.set([...rgb, 255], 4 * (r * o.columns + c));
    image.getContext("2d").putImageData(pixels, 0, 0);
    readout.textContent = HINT;
    if (cell) move(...cell); else draw();
  };
}

const kinds = {
  curves(section, {panels}) {
    section.querySelectorAll(".plot").forEach((box, i) => plot(box)(panels[i]));
  },

  flow(section, {flows, low, high}) {
    const select = find(section, "select"), slider = find(section, "input"), canvas = find(section, "canvas");
    const map = heat(canvas, find(section, ".readout")), below = find(section, ".below"), lines = plot(below);
    const share = v => (Math.log10(v) - low) / (high - low || 1);
    function show() {
      const {stops, first, ends, cuts} = flows[+select.value], {label, norms, jacobian, said} = stops[+slider.value];
      const at = unpacked(norms), [losses, states] = norms.shape, row = t => Math.max(t - first + 1, 0);
      find(section, ".stop").textContent = label;
      find(section, ".said").textContent = said;
      slider.setAttribute("aria-valuetext", label);
      canvas.setAttribute("aria-label", `Norm of each loss's gradient at each state, ${label}. ${said}`);
      map({
        rows: losses, columns: states, firstRow: first, firstColumn: 0, height: losses > 1 ? undefined : 30,
        paint: (t, s) => at(t, s) > 0 ? coloured("viridis", share(at(t, s))) : at(t, s) === 0 ? null : [255, 92, 168],
        say: (t, s) => `t = ${t + first}, s = ${s}: |dL/dh| = ${shown(at(t, s))}`,
        axes: "across: s, the state; down: t, the loss",
        marks: [...ends.map(t => [MARK, [2, 3], [0, row(t)], [t + 1, row(t)], [t + 1, losses]]),
          ...cuts.map(t => [MARK, [], [t, 0], [t, losses]])],
      });
      below.hidden = !jacobian;
      if (!jacobian) return;
      const name = `|dh_t/dh_0|, ${label}`;
      find(below, "svg").setAttribute("aria-label", `${name}: from ${shown(jacobian[0])} to ${shown(jacobian.at(-1))}`);
      lines({series: [{name, values: jacobian}], log: true, x: "t", y: "Frobenius norm", first: 0, step: 1});
    }
    function fresh() {
      const last = slider.value === slider.max;  // another network is shown at the same time of training
      slider.max = flows[+select.value].stops.length - 1;
      if (last) slider.value = slider.max;
      slider.closest("label").hidden = slider.max === "0";
      show();
    }
    chooser(select, flows.map(flow => flow.name), fresh);
    slider.oninput = show;
    fresh();
  },

  units(section, {views, joined}) {
    const [which, what, unit] = section.querySelectorAll("select"), tokens = find(section, ".tokens");
    const readout = find(section, ".readout"), grid = find(section, "canvas"), map = heat(grid, readout);
    function show() {
      const {steps, units, channels, picture} = views[+which.value], {name, values, low, high} = channels[+what.value];
      const at = unpacked(values), alone = values.shape[1] === 1, k = alone ? 0 : +unit.value;
      const ink = picture && unpacked(picture), first = picture ? picture.shape[1] + 1 : 0;  // column of the first unit
      const colour = v => coloured("cividis", (v - low) / (high - low || 1));
      const grey = v => Array(3).fill(255 * (picture.high - v) / (picture.high - picture.low || 1));
      const word = t => steps[t] ? `${t + 1} (${steps[t]})` : t + 1;
      const say = (t, i) => `step ${word(t)}: ${name}${alone ? "" : `, unit ${units[i]}`} = ${shown(at(t, i))}`;
      unit.closest("label").hidden = alone;
      find(section, ".low").textContent = shown(low);
      find(section, ".high").textContent = shown(high);
      tokens.setAttribute("aria-label", steps.map((_, t) => say(t, k)).join("; "));
      tokens.replaceChildren(...steps.flatMap((step, t) => {
        const rgb = colour(at(t, k)), span = made("span", {title: say(t, k)}, step.replace("\n", "\u21b5") || t + 1);
        span.style.background = `rgb(${rgb})`;
        span.style.color = 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2] > 110 ? "#000" : "#fff";
        span.onpointerenter = () => { readout.textContent = say(t, k); };
        return [span, step === "\n" ? step : joined ? "" : " "];
      }));
      grid.hidden = alone && !picture;
      map({
        rows: steps.length, columns: first + values.shape[1], firstRow: 1, firstColumn: 1 - first, from: first,
        rowNames: steps.some(step => step) ? steps : undefined, height: Math.max(4, Math.min(18, 560 / steps.length)),
        paint: (t, c) => c >= first ? colour(at(t, c - first)) : c < first - 1 ? grey(ink(t, c)) : null,
        say: (t, c) => c >= first ? say(t, c - first) : c < first - 1 ? `step ${word(t)}: ${shown(ink(t, c))}` : "",
        axes: `down: steps; across: ${picture ? "the input, then " : ""}${alone ? name : "units, most telling first"}`,
        marks: alone ? [] : [k, k + 1].map(side => [MARK, [], [first + side, 0], [first + side, steps.length]]),
        chosen: (t, c) => { if (!alone && c >= first) { unit.value = c - first; show(); } },
      });
    }
    function fresh() {
      const {channels, units} = views[+which.value], kept = [+what.value, +unit.value];
      chooser(what, channels.map(channel => channel.name), show);
      chooser(unit, units.map((u, i) => `${i + 1}. unit ${u}`), show);
      [what.value, unit.value] = [clamped(kept[0], channels.length), clamped(kept[1], units.length)];
      show();
    }
    chooser(which, views.map(view => view.name), fresh);
    fresh();
  },

  attention(section, {views}) {
    const select = find(section, "select"), canvas = find(section, "canvas");
    const map = heat(canvas, find(section, ".readout"));
    function show() {
      const {read, written, weights} = views[+select.value], at = unpacked(weights);
      const top = r => read.reduce((best, word, c) => at(r, c) > at(r, best) ? c : best, 0);
      canvas.setAttribute("aria-label", written.map((word, r) => `${word} looked most at ${read[top(r)]}`).join(", "));
      map({
        rows: written.length, columns: read.length, rowNames: written, columnNames: read, height: 20,
        paint: (r, c) => coloured("cividis", at(r, c)), axes: "across: what is read; down: what is written",
        say: (r, c) => `writing ${written[r]}, it looked at ${read[c]} (${c + 1}) with weight ${shown(at(r, c))}`,
      });
    }
    chooser(select, views.map(view => view.name), show);
    show();
  },

  walk(section) {
    const stops = [...section.querySelectorAll("article")], [previous, next] = section.querySelectorAll("button");
    const frame = find(section, ".map"), boxes = section.querySelectorAll(".box");
    let at = 0;
    function go(i) {
      at = clamped(i, stops.length);
      stops.forEach((stop, k) => { stop.hidden = k !== at; });
      find(section, ".where").textContent = `step ${at + 1} of ${stops.length}`;
      previous.setAttribute("aria-disabled", at === 0);  // a button that is disabled would swallow the arrow keys
      next.setAttribute("aria-disabled", at === stops.length - 1);
      boxes.forEach(box => box.classList.toggle("now", box.dataset.box === stops[at].dataset.box));
      const box = find(frame, ".now").getBoundingClientRect(), around = frame.getBoundingClientRect();
      frame.scrollTop += box.top - around.top - around.height / 2;
    }
    previous.onclick = () => go(at - 1);
    next.onclick = () => go(at + 1);
    section.onkeydown = event => arrows(event, {ArrowLeft: previous.onclick, ArrowRight: next.onclick,
      Home: () => go(0), End: () => go(stops.length - 1)});
    find(section, ".controls").hidden = false;
    go(0);
  },
};

for (const [i, data] of JSON.parse(find(document, "#data").textContent).entries())
  kinds[data.kind]?.(find(document, `#section-${i}`), data);
let width = innerWidth;
const redraw = () => redraws.forEach(draw => draw());
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; redraw(); } });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
