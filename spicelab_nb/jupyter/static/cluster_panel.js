// The panel of clusters: a card for each, and a form that starts one on this machine.

function card(ask) {
  const name = make("span", { class: "spicelab-title" });
  const badge = make("span", { class: "spicelab-badge" }, "current");
  const state = make("span", { class: "spicelab-state" });
  const facts = make("div", { class: "spicelab-facts" });
  const campaigns = make("ul", { class: "spicelab-list" });
  const problem = make("div", { class: "spicelab-note", role: "alert" });
  const owner = make("div", { class: "spicelab-dim" });
  const workers = make("input", { type: "number", min: "0", max: "1000", class: "spicelab-number" });
  const scale = make("button", { type: "button", class: "spicelab-button" }, "Scale");
  const use = make("button", { type: "button", class: "spicelab-button" }, "Make current");
  const stop = make("button", { type: "button", class: "spicelab-button" }, "Stop");
  const link = make("a", { target: "_blank", rel: "noopener noreferrer" }, "Dashboard");
  const scaling = make("span", { class: "spicelab-row" }, make("label", {}, "Workers ", workers), scale);
  const node = make(
    "div",
    { class: "spicelab-card", role: "listitem" },
    make("div", { class: "spicelab-row spicelab-head" }, name, badge, state, make("span", { class: "spicelab-grow" }), link),
    facts,
    campaigns,
    problem,
    owner,
    make("div", { class: "spicelab-row" }, scaling, use, stop),
  );
  let shown = null;
  let touched = false;
  workers.addEventListener("input", () => (touched = true));
  const doScale = () => {
    if (!workers.reportValidity() || workers.value === "") return;
    touched = false;
    ask({ ask: "scale", cluster: shown.id, workers: Number(workers.value) });
  };
  scale.addEventListener("click", doScale);
  workers.addEventListener("keydown", (event) => {
    if (event.key === "Enter") doScale();
  });
  use.addEventListener("click", () => ask({ ask: "use", cluster: shown.id }));
  stop.addEventListener("click", () => {
    // Two clicks: stopping loses no results, but it ends others' campaigns, too.
    if (stop.dataset.sure) {
      delete stop.dataset.sure;
      stop.disabled = true;
      ask({ ask: "stop", cluster: shown.id });
    } else {
      stop.dataset.sure = "yes";
      setText(stop, "Really stop?");
      setTimeout(() => {
        delete stop.dataset.sure;
        setText(stop, "Stop");
      }, 4000);
    }
  });
  const update = (c) => {
    if (!shown || (!touched && shown.workers !== c.workers)) workers.value = c.workers;
    shown = c;
    setText(name, c.name);
    badge.hidden = !c.current;
    setText(state, c.state);
    const lines = [
      ["Kind", c.kind],
      ["Workers", String(c.workers)],
      ["Cores", String(c.cores)],
      ["Memory", c.memory],
      ["Costs", c.costs],
    ];
    lines.forEach(([label, text], i) => {
      if (!facts.children[i]) facts.append(make("span", {}, make("span"), " ", make("b")));
      setText(facts.children[i].children[0], label);
      setText(facts.children[i].children[1], text);
    });
    if ([...campaigns.children].map((n) => n.textContent).join("\n") !== c.campaigns.join("\n")) {
      campaigns.replaceChildren(...c.campaigns.map((text) => make("li", {}, text)));
    }
    campaigns.hidden = !c.campaigns.length;
    setText(problem, c.problem);
    problem.hidden = !c.problem;
    setText(owner, c.mine ? "" : `Started by ${c.owner}`);
    owner.hidden = c.mine;
    link.hidden = !c.dashboard;
    if (/^https?:\/\//.test(c.dashboard)) link.setAttribute("href", c.dashboard);
    scaling.hidden = !c.scalable;
    use.hidden = c.current;
    scale.setAttribute("aria-label", `Scale cluster ${c.name}`);
    workers.setAttribute("aria-label", `Workers of cluster ${c.name}`);
    use.setAttribute("aria-label", `Make cluster ${c.name} the current one`);
    link.setAttribute("aria-label", `Dashboard of cluster ${c.name}`);
  };
  const stopAgain = () => (stop.disabled = false);
  return { node, update, stopAgain };
}

function render({ model, el }) {
  const cards = new Map();
  const quiet = make("div", { class: "spicelab-quiet", role: "status" });
  const busy = make("div", { class: "spicelab-dim", role: "status" });
  const problem = make("div", { class: "spicelab-note", role: "alert" });
  const empty = make("div", { class: "spicelab-dim" }, "No cluster is running. Start one below.");
  const list = make("div", { role: "list", "aria-label": "Clusters" });
  const asking = requests(model, (silent) => {
    setText(quiet, silent ? "The kernel is busy: what you asked for is done when its cell ends." : "");
    quiet.hidden = !silent;
  });

  const workers = make("input", { type: "number", min: "1", max: "1000", value: "2", required: "", class: "spicelab-number" });
  const name = make("input", { type: "text", maxlength: "64", placeholder: "local", class: "spicelab-name" });
  const start = make("button", { type: "submit", class: "spicelab-button spicelab-primary" }, "Start");
  const form = make(
    "form",
    { class: "spicelab-row spicelab-form", "aria-label": "Start a cluster on this machine" },
    make("span", {}, "Start on this machine:"),
    make("label", {}, "Workers ", workers),
    make("label", {}, "Name ", name),
    start,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    asking.ask({ ask: "start", workers: Number(workers.value), name: name.value });
    name.value = "";
  });
  // By hand: in JupyterLab, Enter in a field does not submit its form.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target === start) return;
    event.preventDefault();
    event.stopPropagation();
    if (!start.disabled) form.requestSubmit(start);
  });
  // Otherwise JupyterLab takes keys for its own shortcuts.
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  el.classList.add("spicelab-view");
  el.replaceChildren(
    make("div", { class: "spicelab-row spicelab-head" }, make("span", { class: "spicelab-title" }, "Clusters"), busy),
    quiet,
    problem,
    empty,
    list,
    form,
  );
  quiet.hidden = true;

  const show = () => {
    const all = model.get("clusters") || [];
    const ids = new Set(all.map((c) => c.id));
    for (const [id, each] of cards) {
      if (!ids.has(id)) {
        each.node.remove();
        cards.delete(id);
      }
    }
    for (const c of all) {
      if (!cards.has(c.id)) {
        cards.set(c.id, card(asking.ask));
        list.append(cards.get(c.id).node);
      }
      cards.get(c.id).update(c);
    }
    empty.hidden = all.length > 0;
    const doing = model.get("busy") || [];
    setText(busy, doing.length ? `${doing.join(", ")} …` : "");
    start.disabled = doing.some((what) => what.startsWith("Starting"));
    setText(problem, model.get("problem"));
    problem.hidden = !model.get("problem");
    // What could not be stopped may be tried again.
    if (model.get("problem")) cards.forEach((each) => each.stopAgain());
  };
  const watched = ["change:clusters", "change:busy", "change:problem"];
  watched.forEach((event) => model.on(event, show));
  show();
  return () => {
    asking.end();
    watched.forEach((event) => model.off(event, show));
  };
}

export default { render };
