// A flowchart to click through: runs wherever scripts of an output run, and needs no kernel.
(function () {
  "use strict";
  const CHOSEN = "#E8590C";
  // pixels of a point: letters are too small to read below the one, and fine at the other
  const SMALL = 0.45;
  const READABLE = 0.85;

  function make(tag, style, text) {
    const made = document.createElement(tag);
    made.style.cssText = style || "";
    made.textContent = text || "";
    return made;
  }

  // not every browser draws an outline around a part of a drawing
  const FOCUS = "[data-explore] g.node:focus-visible { outline: 2px solid " + CHOSEN
    + "; outline-offset: 3px } [data-explore] g.node:focus-visible "
    + ":is(path, polygon, ellipse, rect) { stroke-dasharray: 5 3 }";
  const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function explore(root) {
    const image = root.querySelector("img");
    const alt = image.alt;
    const bytes = Uint8Array.from(atob(image.src.split(",")[1]), (c) => c.charCodeAt(0));
    const drawn = new DOMParser().parseFromString(
      new TextDecoder().decode(bytes), "image/svg+xml").documentElement;
    if (drawn.nodeName !== "svg") return;
    const svg = document.importNode(drawn, true);
    const whole = svg.getAttribute("viewBox").split(/\s+/).map(Number);
    let view = whole.slice();
    const cards = new Map();
    root.querySelectorAll("details").forEach((card) => cards.set(card.dataset.node, card));
    const nodes = new Map();
    svg.querySelectorAll("g.node").forEach((node) => {
      const id = node.querySelector("title").textContent;
      if (cards.has(id)) nodes.set(id, node);
    });

    const bar = make("div", "display:flex;gap:6px;margin:0 0 6px;align-items:center");
    const search = make("input", "flex:0 1 260px;padding:4px 8px;font:inherit");
    search.type = "search";
    search.placeholder = "Find a node, a route, a word";
    search.setAttribute("aria-label", search.placeholder);
    const said = make("span", "opacity:0.75");
    said.setAttribute("aria-live", "polite");
    const buttons = [["+", "larger", 0.8], ["\u2212", "smaller", 1.25], ["Fit", "fit", 0]];
    bar.append(search);
    buttons.forEach(([sign, name, factor]) => {
      const button = make("button", "padding:3px 10px;font:inherit;cursor:pointer", sign);
      button.setAttribute("aria-label", name);
      button.addEventListener("click", () => zoom(factor));
      bar.append(button);
    });
    bar.append(said);

    const frame = make("div", "flex:3 1 0;min-width:360px;overflow:hidden;background:#FFFFFF;"
      + "border:1px solid #D5DAE0;border-radius:6px;cursor:grab;touch-action:none");
    const side = make("div", "flex:2 1 0;min-width:240px;overflow:auto;max-height:600px");
    const hint = make("p", "margin:4px 0;opacity:0.75", "Click a node, or walk there with the "
      + "tab key and press Enter. Drag or arrow keys move the picture, Ctrl and the wheel or + "
      + "and \u2212 zoom, Fit shows all of it.");
    side.append(hint, ...cards.values());
    svg.style.cssText = "display:block;width:100%;height:600px";
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", alt);
    svg.removeAttribute("width");
    svg.removeAttribute("height");
    frame.append(make("style", "", FOCUS), svg);
    const both = make("div", "display:flex;gap:12px;align-items:stretch;flex-wrap:wrap");
    both.append(frame, side);
    image.remove();
    root.prepend(bar, both);

    function look() { svg.setAttribute("viewBox", view.join(" ")); }

    // keeps the place under the pointer, or the middle, where it is
    function zoom(factor, at) {
      if (!factor) { view = whole.slice(); look(); return; }
      const [x, y, wide, high] = view;
      const [cx, cy] = at || [x + wide / 2, y + high / 2];
      view = [cx - (cx - x) * factor, cy - (cy - y) * factor, wide * factor, high * factor];
      look();
    }

    function place(event) {
      const point = new DOMPoint(event.clientX, event.clientY)
        .matrixTransform(svg.getScreenCTM().inverse());
      return [point.x, point.y];
    }

    // a chosen node is seen, and where the whole chart was too small its letters can be read
    function reach(node) {
      const box = node.getBoundingClientRect();
      const room = svg.getBoundingClientRect();
      const scale = svg.getScreenCTM().a;
      const isSeen = box.left >= room.left && box.right <= room.right
        && box.top >= room.top && box.bottom <= room.bottom;
      if (isSeen && scale >= SMALL) return;
      const [x, y] = place({ clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 });
      const size = scale < SMALL ? READABLE : scale;
      const [wide, high] = [room.width / size, room.height / size];
      view = [x - wide / 2, y - high / 2, wide, high];
      look();
    }

    function choose(id, isFollowed) {
      if (nodes.has(id)) reach(nodes.get(id));
      nodes.forEach((node, own) => {
        node.querySelectorAll("path, polygon, ellipse, rect").forEach((shape) => {
          shape.style.stroke = own === id ? CHOSEN : "";
          shape.style.strokeWidth = own === id ? "4" : "";
        });
        node.setAttribute("aria-pressed", own === id);
      });
      cards.forEach((card, own) => {
        card.open = own === id;
        card.style.display = !id || own === id ? "" : "none";
      });
      hint.style.display = id ? "none" : "";
      root.dataset.chosen = id || "";
      if (!id || !isFollowed) return;
      // of a large chart not every node is drawn, but each has its card
      (nodes.get(id) || cards.get(id)?.querySelector("summary"))?.focus({ preventScroll: true });
    }

    nodes.forEach((node, id) => {
      node.setAttribute("tabindex", "0");
      node.setAttribute("role", "button");
      node.setAttribute("aria-label", cards.get(id).querySelector("summary").textContent);
      node.style.cursor = "pointer";
      node.addEventListener("click", () => { if (!moved) choose(id); });
      // who walks by keys sees where they lead; who clicks looks there already
      node.addEventListener("focus", () => {
        if (node.matches(":focus-visible")) reach(node);
      });
      node.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          event.stopPropagation();
          choose(id);
        }
      });
    });
    root.addEventListener("keydown", (event) => { if (event.key === "Escape") choose(""); });
    root.querySelectorAll("[data-to]").forEach((link) => {
      link.addEventListener("click", () => choose(link.dataset.to, true));
    });

    function find() {
      const words = search.value.trim().toLowerCase();
      const found = [...nodes.keys()].filter(
        (id) => words && cards.get(id).textContent.toLowerCase().includes(words));
      nodes.forEach((node, id) => {
        node.style.opacity = !words || found.includes(id) ? "" : "0.25";
      });
      said.textContent = words ? found.length + " of " + nodes.size + " nodes" : "";
      return found;
    }
    search.addEventListener("input", find);
    search.addEventListener("keydown", (event) => {
      // a notebook takes single letters for commands
      event.stopPropagation();
      if (event.key === "Enter") {
        const found = find();
        choose(found[(found.indexOf(root.dataset.chosen) + 1) % found.length] || "");
      }
    });

    let grip = null;
    let moved = false;
    frame.addEventListener("pointerdown", (event) => {
      grip = { at: place(event), x: event.clientX, y: event.clientY };
      moved = false;
    });
    frame.addEventListener("pointermove", (event) => {
      if (!grip || !event.buttons) return;
      moved = moved || Math.hypot(event.clientX - grip.x, event.clientY - grip.y) > 4;
      if (!moved) return;
      const [x, y] = place(event);
      view[0] += grip.at[0] - x;
      view[1] += grip.at[1] - y;
      look();
    });
    window.addEventListener("pointerup", () => { grip = null; });
    frame.addEventListener("keydown", (event) => {
      const way = WAYS[event.key];
      if (!way) return;
      // a notebook takes arrows to go from cell to cell
      event.preventDefault();
      event.stopPropagation();
      view[0] += way[0] * view[2] / 8;
      view[1] += way[1] * view[3] / 8;
      look();
    });
    frame.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.15 : 0.87, place(event));
    }, { passive: false });
    choose("");
  }

  document.querySelectorAll('[data-explore="KEY"]').forEach((root) => {
    if (root.dataset.chosen === undefined) explore(root);
  });
})();
