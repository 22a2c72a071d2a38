// A flowchart whose nodes can be chosen, by a click or by keys; the kernel is told which.
function render({ model, el }) {
  const CHOSEN = "#1F2933";
  // of the drawing's own size: smaller letters cannot be read
  const LEAST = 0.6;
  // pixels of the frame, two of them its border
  const HIGH = 600;
  const nodes = new Map();
  let size = 1;
  let isFitted = false;

  const frame = document.createElement("div");
  frame.style.cssText = `max-height:${HIGH}px;overflow:auto;background:#FFFFFF;`
    + "border:1px solid #D5DAE0;border-radius:6px";
  const bar = document.createElement("div");
  bar.style.cssText = "display:flex;gap:6px;margin:0 0 6px";
  [["+", "larger", 1.25], ["\u2212", "smaller", 0.8], ["Fit", "fit", 0]].forEach((one) => {
    const [sign, name, factor] = one;
    const button = document.createElement("button");
    button.style.cssText = "padding:3px 10px;font:13px Helvetica,Arial,sans-serif;cursor:pointer";
    button.textContent = sign;
    button.setAttribute("aria-label", name);
    button.addEventListener("click", () => {
      size = factor ? size * factor : 1;
      isFitted = isFitted || !factor;
      fit();
    });
    bar.append(button);
  });
  el.replaceChildren(bar, frame);

  function fit() {
    const svg = frame.firstElementChild;
    if (!svg) return;
    const own = Number(svg.getAttribute("width"));
    svg.style.cssText = `display:block;height:auto;width:${100 * size}%;`
      + `max-width:${own * size}px;`
      + (isFitted ? `max-height:${(HIGH - 2) * size}px` : `min-width:${own * size * LEAST}px`);
  }

  function choose(id) {
    model.set("chosen", id);
    model.save_changes();
  }

  function mark() {
    nodes.forEach((node, id) => {
      const isChosen = id === model.get("chosen");
      node.querySelectorAll("path, polygon, ellipse, rect").forEach((shape) => {
        shape.style.stroke = isChosen ? CHOSEN : "";
        shape.style.strokeWidth = isChosen ? "5" : "";
      });
      node.setAttribute("aria-pressed", isChosen);
      if (isChosen) reach(node);
    });
  }

  // within the frame alone: the notebook stays where it is
  function reach(node) {
    const box = node.getBoundingClientRect();
    const room = frame.getBoundingClientRect();
    if (box.top < room.top || box.bottom > room.bottom) {
      frame.scrollTop += box.top - room.top - (room.height - box.height) / 2;
    }
    if (box.left < room.left || box.right > room.right) {
      frame.scrollLeft += box.left - room.left - (room.width - box.width) / 2;
    }
  }

  function reachHere() {
    const titles = [...frame.querySelectorAll("g.node > title")];
    const title = titles.find((one) => one.textContent === model.get("here"));
    if (title) reach(title.parentNode);
  }

  // an outline that is not filled stays so
  function restyle() {
    const looks = model.get("looks");
    const met = new Map();
    frame.querySelectorAll("g.node, g.edge").forEach((part) => {
      const title = part.querySelector("title").textContent;
      const place = met.get(title) ?? 0;
      met.set(title, place + 1);
      const look = Object.hasOwn(looks, title) && looks[title][place];
      if (!look) return;
      const [fill, stroke, ink, width] = look;
      part.querySelectorAll("path, polygon, ellipse, rect").forEach((shape) => {
        if (shape.getAttribute("fill") !== "none") shape.setAttribute("fill", fill);
        shape.setAttribute("stroke", stroke);
        shape.setAttribute("stroke-width", width);
      });
      part.querySelectorAll("text").forEach((text) => text.setAttribute("fill", ink));
    });
  }

  // colours that a walk has left are in the drawing alone
  function changeLooks() {
    if (!Object.keys(model.get("looks")).length) {
      draw();
      return;
    }
    restyle();
    reachHere();
  }

  function tell() {
    frame.firstElementChild?.setAttribute("aria-label", model.get("alt"));
  }

  function draw() {
    const drawn = new DOMParser().parseFromString(
      model.get("svg"), "image/svg+xml").documentElement;
    if (drawn.nodeName !== "svg") return;
    const svg = document.importNode(drawn, true);
    svg.setAttribute("role", "group");
    frame.replaceChildren(svg);
    tell();
    restyle();
    fit();
    nodes.clear();
    const names = model.get("names");
    svg.querySelectorAll("g.node").forEach((node) => {
      const id = node.querySelector("title").textContent;
      if (!Object.hasOwn(names, id)) return;
      nodes.set(id, node);
      node.setAttribute("tabindex", "0");
      node.setAttribute("role", "button");
      node.setAttribute("aria-label", names[id]);
      node.style.cursor = "pointer";
      node.addEventListener("click", () => choose(id));
      node.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        // a notebook takes single keys for commands, and Enter to edit the cell
        event.preventDefault();
        event.stopPropagation();
        choose(id);
      });
    });
    mark();
    // a drawing has its size once it is on the page
    requestAnimationFrame(reachHere);
  }

  model.on("change:svg", draw);
  model.on("change:looks", changeLooks);
  // two conditions may look the same and yet be called otherwise
  model.on("change:alt", tell);
  model.on("change:chosen", mark);
  model.on("change:here", reachHere);
  draw();
}

export default { render };
