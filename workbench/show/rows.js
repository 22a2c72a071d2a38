// Rows of a picture to choose from, by a click or by keys; the kernel is told which.
function render({ model, el }) {
  const CHOSEN = "#FDE3CF";

  function mark() {
    el.querySelectorAll("[data-row]").forEach((row) => {
      const isChosen = Number(row.dataset.row) === model.get("chosen");
      row.querySelector("rect").setAttribute("fill", isChosen ? CHOSEN : "none");
      row.setAttribute("aria-pressed", isChosen);
    });
  }

  function choose(row) {
    model.set("chosen", Number(row.dataset.row));
    model.save_changes();
  }

  function draw() {
    const drawn = new DOMParser().parseFromString(
      model.get("svg"), "image/svg+xml").documentElement;
    if (drawn.nodeName !== "svg") return;
    const svg = document.importNode(drawn, true);
    svg.style.cssText = "display:block;max-width:100%;height:auto";
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", svg.querySelector("title").textContent);
    svg.querySelectorAll("[data-row]").forEach((row) => {
      row.setAttribute("tabindex", "0");
      row.setAttribute("role", "button");
      row.setAttribute("aria-label", row.querySelector("title").textContent);
      row.style.cursor = "pointer";
      row.addEventListener("click", () => choose(row));
      row.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        // a notebook takes single keys for commands, and Enter to edit the cell
        event.preventDefault();
        event.stopPropagation();
        choose(row);
      });
    });
    el.style.cssText = "max-height:520px;overflow:auto";
    el.replaceChildren(svg);
    mark();
  }

  model.on("change:svg", draw);
  model.on("change:chosen", mark);
  draw();
}

export default { render };
