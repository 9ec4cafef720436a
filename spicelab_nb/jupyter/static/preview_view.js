// The view of a preview. Every number and text comes ready from the kernel; here it is laid out.

const PLOT = { wide: 520, tall: 250, left: 52, right: 14, top: 12, bottom: 38 };

function plot(svg, p) {
  const wide = PLOT.wide - PLOT.left - PLOT.right;
  const tall = PLOT.tall - PLOT.top - PLOT.bottom;
  const x = (value) => PLOT.left + wide * value;
  const y = (value) => PLOT.tall - PLOT.bottom - tall * value;
  const base = PLOT.tall - PLOT.bottom;
  const frame = [draw("path", { class: "spicelab-axis", d: `M${PLOT.left} ${PLOT.top}V${base}H${PLOT.wide - PLOT.right}` })];
  // No two labels on top of each other.
  let free = -Infinity;
  for (const [at, text] of p.x) {
    frame.push(draw("path", { class: "spicelab-axis", d: `M${x(at)} ${base}v4` }));
    if (x(at) - 4 * text.length < free) continue;
    free = x(at) + 4 * text.length;
    frame.push(draw("text", { x: x(at), y: base + 16, "text-anchor": "middle" }, text));
  }
  for (const [at, text] of p.y) {
    frame.push(draw("path", { class: "spicelab-axis", d: `M${PLOT.left} ${y(at)}h-4` }));
    frame.push(draw("text", { x: PLOT.left - 7, y: y(at) + 4, "text-anchor": "end" }, text));
  }
  frame.push(draw("text", { x: PLOT.left + wide / 2, y: PLOT.tall - 4, "text-anchor": "middle" }, "time"));
  frame.push(
    draw("text", { "text-anchor": "middle", transform: `translate(11 ${PLOT.top + tall / 2}) rotate(-90)` }, "cost (USD)"),
  );
  const line = p.front.map(([a, b]) => `${x(a)} ${y(b)}`).join("L");
  const front = draw("path", { class: "spicelab-front", d: line ? `M${line}` : "" });
  // Places that take as long and cost as much stand beside each other: none hides another, and the
  // best stay where the line ends.
  const taken = [];
  const best_first = [...p.points].sort((a, b) => b[4] - a[4]);
  const points = best_first.map(([a, b, text, where, best]) => {
    let left = x(a);
    while (taken.some(([u, v]) => Math.hypot(u - left, v - y(b)) < 4)) left -= 10;
    taken.push([left, y(b)]);
    return draw(
      "circle",
      {
        class: `spicelab-place spicelab-${where}${best ? " spicelab-best" : ""}`,
        cx: left, cy: y(b), r: best ? 5.5 : 4,
      },
      draw("title", {}, text),
    );
  });
  svg.replaceChildren(...frame, front, ...points);
  svg.setAttribute("aria-label", p.label);
}

function slider(label, change) {
  const input = make("input", { type: "range", min: "0", step: "1", value: "0", class: "spicelab-slider" });
  const text = make("output", { class: "spicelab-value" });
  const node = make("label", { class: "spicelab-row" }, make("span", { class: "spicelab-label" }, label), input, text);
  let steps = [];
  const show = () => {
    const [shown] = steps[Number(input.value)] || ["", null];
    setText(text, shown);
    input.setAttribute("aria-valuetext", shown);
  };
  // JupyterLab takes the arrow keys of whatever is inside a notebook, sliders too.
  input.addEventListener("keydown", (event) => event.stopPropagation());
  input.addEventListener("input", () => {
    show();
    change();
  });
  return {
    node,
    value: () => (steps[Number(input.value)] || ["", null])[1],
    update(offered) {
      const held = steps.length ? (steps[Number(input.value)] || ["", null])[1] : null;
      steps = offered;
      input.max = String(Math.max(offered.length - 1, 0));
      const same = offered.findIndex(([, value]) => value === held);
      if (same >= 0) input.value = String(same);
      node.hidden = offered.length < 2;
      show();
    },
  };
}

function render({ model, el }) {
  const title = make("div", { class: "spicelab-title" });
  const basis = make("div", { class: "spicelab-dim" });
  const problem = make("div", { class: "spicelab-note", role: "alert" });
  const quiet = make("div", { class: "spicelab-quiet", role: "status" }, "The kernel is busy: the table follows when its cell ends.");
  quiet.hidden = true;
  const asking = requests(model, (silent) => (quiet.hidden = !silent));
  const ask = () =>
    asking.ask({ ask: "set", workers: workers.value(), deadline: deadline.value(), spot: spot.checked });
  // A slider that is dragged asks at most ten times a second, and for its last place in any case.
  let timer = null;
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 100);
  };
  const workers = slider("Workers", changed);
  const deadline = slider("Deadline", changed);
  const spot = make("input", { type: "checkbox" });
  spot.addEventListener("change", changed);
  const spotRow = make("label", { class: "spicelab-row" }, spot, "Spot machines: cheaper, and may be taken away");
  const advice = make("div", { class: "spicelab-advice", role: "status" });
  const head = make("tr", {});
  const body = make("tbody", {});
  const table = make("table", { class: "spicelab-table" }, make("thead", {}, head), body);
  const svg = draw("svg", { class: "spicelab-histogram", role: "img", viewBox: `0 0 ${PLOT.wide} ${PLOT.tall}` });
  const notes = make("ul", { class: "spicelab-list spicelab-dim" });
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  el.classList.add("spicelab-view", "spicelab-wide");
  el.replaceChildren(
    title,
    basis,
    problem,
    quiet,
    make("div", { class: "spicelab-controls" }, workers.node, deadline.node, spotRow),
    advice,
    make("div", { class: "spicelab-scroll" }, table),
    svg,
    notes,
  );

  const show = () => {
    const s = model.get("state");
    setText(title, s.heading);
    setText(basis, s.basis);
    setText(problem, s.problem);
    problem.hidden = !s.problem;
    workers.update(s.workers);
    deadline.update(s.deadlines);
    spotRow.hidden = !s.spot;
    setText(advice, s.advice);
    head.replaceChildren(...["", ...s.header].map((text) => make("th", { scope: "col" }, text)));
    body.replaceChildren(
      ...s.rows.map((row) =>
        make(
          "tr",
          { class: row.fits ? null : "spicelab-faded" },
          make("td", { class: `spicelab-mark spicelab-${row.where}`, title: row.front ? "No other place is both faster and cheaper" : null }, row.front ? "●" : "○"),
          ...row.cells.map((text) => make("td", {}, text)),
        ),
      ),
    );
    table.hidden = !s.rows.length;
    svg.style.display = s.plot.points ? "" : "none";
    if (s.plot.points) plot(svg, s.plot);
    notes.replaceChildren(...s.notes.map((text) => make("li", {}, text.replace(/^\* /, "● "))));
  };
  model.on("change:state", show);
  show();
  return () => {
    clearTimeout(timer);
    asking.end();
    model.off("change:state", show);
  };
}

export default { render };
