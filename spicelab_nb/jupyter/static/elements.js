// What both views are built of. Text is only ever set as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const make = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function setText(node, text) {
  // Untouched when equal, so that screen readers and selections are left alone.
  if (node.textContent !== text) node.textContent = text;
}

// Sends requests, and notices when nobody answers: a kernel that computes may not listen.
function requests(model, onSilence) {
  const waiting = new Map();
  let last = 0;
  const settle = (id) => {
    clearTimeout(waiting.get(id));
    waiting.delete(id);
    if (!waiting.size) onSilence(false);
  };
  const hear = (message) => {
    if (message && waiting.has(message.heard)) settle(message.heard);
  };
  model.on("msg:custom", hear);
  return {
    ask(what) {
      const id = `${Date.now()}-${(last += 1)}`;
      waiting.set(id, setTimeout(() => onSilence(true), 1500));
      model.send({ ...what, id });
    },
    end() {
      model.off("msg:custom", hear);
      for (const timer of waiting.values()) clearTimeout(timer);
    },
  };
}
