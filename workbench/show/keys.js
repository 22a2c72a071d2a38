// Stands unseen among widgets. A list in focus keeps its keys: JupyterLab takes arrows to go from
// cell to cell, and letters for commands, such as x to cut the cell.
function render({ el }) {
  el.style.display = "none";

  function keep(event) {
    const list = event.target;
    if (list.tagName !== "SELECT" || !el.closest(".widget-box")?.contains(list)) return;
    // what is pressed together with these, such as to save, stays a command
    const isCommand = event.ctrlKey || event.metaKey || event.altKey;
    list.toggleAttribute("data-lm-suppress-shortcuts", !isCommand);
  }

  document.addEventListener("keydown", keep, true);
  return () => document.removeEventListener("keydown", keep, true);
}

export default { render };
