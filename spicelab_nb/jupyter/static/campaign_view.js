// The live view of a run. Every text comes ready from the kernel; here it is only laid out.

const WIDE = 480;
const TALL = 150;
const EDGE = { left: 14, right: 14, top: 22, bottom: 22 };

function histogram(svg, h) {
  const wide = WIDE - EDGE.left - EDGE.right;
  const tall = TALL - EDGE.top - EDGE.bottom;
  const base = TALL - EDGE.bottom;
  const at = (x) => EDGE.left + wide * x;
  const bars = h.bars.map(([from, to, height, beyond]) =>
    draw("rect", {
      class: beyond ? "spicelab-bar spicelab-beyond" : "spicelab-bar",
      x: at(from),
      y: base - tall * height,
      width: Math.max(wide * (to - from) - 1, 0.5),
      height: tall * height,
    }),
  );
  const ticks = h.ticks.flatMap(([x, text]) => [
    draw("path", { class: "spicelab-axis", d: `M${at(x)} ${base}v4` }),
    draw("text", { x: at(x), y: base + 16, "text-anchor": "middle" }, text),
  ]);
  const limits = h.limits.flatMap(([x, text]) => [
    draw("path", { class: "spicelab-limit", d: `M${at(x)} ${EDGE.top - 6}V${base}` }),
    draw(
      "text",
      {
        class: "spicelab-limit-text",
        x: at(x),
        y: EDGE.top - 10,
        "text-anchor": x > 0.75 ? "end" : x < 0.25 ? "start" : "middle",
      },
      text,
    ),
  ]);
  const axis = draw("path", { class: "spicelab-axis", d: `M${EDGE.left} ${base}h${wide}` });
  svg.replaceChildren(...bars, axis, ...ticks, ...limits);
  svg.setAttribute("aria-label", h.label);
}

// A reason that opens to the samples that failed for it.
function reason(group) {
  const samples = group.samples.map((s) =>
    make(
      "li",
      {},
      make("div", {}, s.title),
      make("div", { class: "spicelab-dim" }, s.values),
      make("div", {}, s.reason),
      ...(s.log ? [make("pre", { class: "spicelab-log", tabindex: "0", "aria-label": "Last lines of the log" }, s.log)] : []),
    ),
  );
  return make(
    "details",
    {},
    make("summary", {}, group.text),
    make("ul", { class: "spicelab-list" }, ...samples),
    make("div", { class: "spicelab-dim" }, group.more),
  );
}

function render({ model, el }) {
  const title = make("span", { class: "spicelab-title" });
  const label = make("span", { class: "spicelab-state", role: "status" });
  const cancel = make(
    "button",
    { type: "button", class: "spicelab-button", title: "Stop handing out samples; what is done is kept" },
    "Cancel",
  );
  const resume = make(
    "button",
    { type: "button", class: "spicelab-button", title: "Compute the samples that are missing" },
    "Resume",
  );
  const good = make("div", { class: "spicelab-good" });
  const failed = make("div", { class: "spicelab-failed" });
  const bar = make("div", { class: "spicelab-progress", role: "progressbar", "aria-valuemin": "0" }, good, failed);
  const percent = make("span", { class: "spicelab-percent", "aria-hidden": "true" });
  const facts = make("div", { class: "spicelab-facts" });
  const yieldText = make("b");
  const yieldMore = make("span");
  const yieldBasis = make("span", { class: "spicelab-dim" });
  const range = make("div", { class: "spicelab-range" });
  const point = make("div", { class: "spicelab-point" });
  const scale = make("div", { class: "spicelab-scale", "aria-hidden": "true" }, range, point);
  const yieldLine = make(
    "div",
    { class: "spicelab-yield" },
    make("div", {}, "Yield ", yieldText, " ", yieldMore),
    scale,
    yieldBasis,
  );
  const note = make("div", { class: "spicelab-note", role: "alert" });
  const quiet = make("div", { class: "spicelab-quiet", role: "status" });
  const choice = make("select", { class: "spicelab-select", "aria-label": "Measure shown in the histogram" });
  const hint = make("span", { class: "spicelab-dim" });
  const svg = draw("svg", { class: "spicelab-histogram", role: "img", viewBox: `0 0 ${WIDE} ${TALL}` });
  const why = make("summary", {});
  const reasons = make("div", { class: "spicelab-reasons" });
  const failures = make("details", { class: "spicelab-failures" }, why, reasons);
  const figure = make("div", { class: "spicelab-figure" }, make("div", { class: "spicelab-row" }, choice, hint), svg);

  // Otherwise JupyterLab takes Enter and Space from what opens and closes.
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  el.classList.add("spicelab-view");
  el.replaceChildren(
    make("div", { class: "spicelab-row spicelab-head" }, title, label, make("span", { class: "spicelab-grow" }), cancel, resume),
    make("div", { class: "spicelab-row" }, bar, percent),
    facts,
    yieldLine,
    note,
    quiet,
    failures,
    figure,
  );

  let silent = false;
  let heard = Date.now();
  const sayQuiet = () => {
    const state = model.get("state");
    const still = (Date.now() - heard) / 1000;
    let text = "";
    if (silent) text = "The kernel is busy: what you asked for is done when its cell ends. To stop at once, interrupt the kernel.";
    else if (state.going && still > 10) text = `No news from the kernel for ${Math.floor(still)} s.`;
    setText(quiet, text);
    quiet.hidden = !text;
  };
  const asking = requests(model, (now) => {
    silent = now;
    pressed = now;
    showState();
  });
  // A button that was pressed rests until the kernel has heard of it.
  let pressed = false;
  cancel.addEventListener("click", () => {
    pressed = true;
    cancel.disabled = true;
    asking.ask({ ask: "cancel" });
  });
  resume.addEventListener("click", () => {
    pressed = true;
    resume.disabled = true;
    asking.ask({ ask: "resume" });
  });

  // Why samples failed is read from the store, and only for those who look.
  let reading = 0;
  const askWhy = () => {
    const failed = model.get("state").failed;
    const known = model.get("failures").of;
    if (!failures.open || failed === known || Date.now() - reading < 2000) return;
    reading = Date.now();
    asking.ask({ ask: "failures" });
  };
  failures.addEventListener("toggle", askWhy);
  const showFailures = () => {
    const found = model.get("failures").reasons;
    const name = (node) => node.firstChild.textContent.replace(/^[\d,]+ x /, "");
    const open = new Set([...reasons.children].filter((node) => node.open).map(name));
    reasons.replaceChildren(...found.map(reason));
    [...reasons.children].forEach((node) => (node.open = open.has(name(node))));
    askWhy();
  };

  const showState = () => {
    const s = model.get("state");
    heard = Date.now();
    setText(title, s.name);
    setText(label, s.label);
    el.dataset.state = s.state;
    const total = Math.max(s.total, 1);
    good.style.width = `${(100 * (s.done - s.failed)) / total}%`;
    failed.style.width = `${(100 * s.failed) / total}%`;
    bar.setAttribute("aria-label", `Progress of ${s.name}`);
    bar.setAttribute("aria-valuemax", s.total);
    bar.setAttribute("aria-valuenow", s.done);
    bar.setAttribute("aria-valuetext", `${s.done} of ${s.total} samples, ${s.failed} failed`);
    setText(percent, `${s.percent} %`);
    while (facts.children.length > s.facts.length) facts.lastChild.remove();
    s.facts.forEach(([name, text], i) => {
      if (!facts.children[i]) facts.append(make("span", {}, make("span"), " ", make("b")));
      const [what, value] = facts.children[i].children;
      setText(what, name);
      setText(value, text);
      value.classList.toggle("spicelab-bad", name === "Failed" && text !== "0");
    });
    yieldLine.hidden = !s.yield;
    if (s.yield) {
      setText(yieldText, s.yield.text);
      setText(yieldMore, `(${s.yield.interval})`);
      setText(yieldBasis, s.yield.basis);
      range.style.left = `${100 * s.yield.low}%`;
      range.style.width = `${100 * (s.yield.high - s.yield.low)}%`;
      point.style.left = `${100 * s.yield.value}%`;
    }
    failures.hidden = !s.failed;
    setText(why, s.failed === 1 ? "Why 1 sample failed" : `Why ${s.failed.toLocaleString("en")} samples failed`);
    askWhy();
    setText(note, s.note);
    note.hidden = !s.note;
    cancel.hidden = !s.going;
    cancel.disabled = s.cancelling || pressed;
    resume.hidden = !s.resumable;
    resume.disabled = pressed;
    sayQuiet();
  };

  const showHistograms = () => {
    const all = model.get("histograms") || [];
    const names = all.map((h) => h.measure);
    if (names.join("\n") !== [...choice.options].map((o) => o.value).join("\n")) {
      const before = choice.value || el.dataset.measure;
      choice.replaceChildren(...all.map((h) => make("option", { value: h.measure }, h.axis)));
      choice.value = names.includes(before) ? before : (names[0] ?? "");
    }
    [...choice.options].forEach((option, i) => setText(option, all[i].axis));
    const h = all.find((each) => each.measure === choice.value);
    figure.hidden = !h;
    if (!h) return;
    setText(hint, h.hint);
    histogram(svg, h);
  };
  choice.addEventListener("change", showHistograms);

  model.on("change:state", showState);
  model.on("change:histograms", showHistograms);
  model.on("change:failures", showFailures);
  const timer = setInterval(sayQuiet, 1000);
  showState();
  showHistograms();
  showFailures();
  return () => {
    clearInterval(timer);
    asking.end();
    model.off("change:state", showState);
    model.off("change:histograms", showHistograms);
    model.off("change:failures", showFailures);
  };
}

export default { render };
