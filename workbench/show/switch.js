// Views of which one is seen at a time: buttons, where scripts run; without, folds to open.
(function () {
  "use strict";
  const PLAIN = "padding:4px 14px;font:inherit;cursor:pointer;border:1px solid #8A95A1;"
    + "border-radius:14px;background:none;color:inherit";
  const CHOSEN = PLAIN.replace("none", "#1F5A94").replace("inherit;cursor", "bold 13px Helvetica,"
    + "Arial,sans-serif;cursor").replace("color:inherit", "color:#FFFFFF");

  function set(root) {
    const views = [...root.children].filter((view) => view.tagName === "DETAILS");
    const bar = document.createElement("div");
    bar.style.cssText = "display:flex;gap:6px;flex-wrap:wrap;margin:0 0 8px";
    bar.setAttribute("role", "radiogroup");
    bar.setAttribute("aria-label", "what is shown");
    const buttons = views.map((view, n) => {
      const button = document.createElement("button");
      button.textContent = view.dataset.view;
      button.setAttribute("role", "radio");
      button.addEventListener("click", () => choose(n, true));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (!step) return;
        // a notebook takes arrows to go from cell to cell
        event.preventDefault();
        event.stopPropagation();
        choose((n + step + views.length) % views.length, true);
      });
      bar.append(button);
      view.querySelector("summary").style.display = "none";
      return button;
    });

    function choose(chosen, isFollowed) {
      views.forEach((view, n) => {
        view.open = n === chosen;
        view.style.display = n === chosen ? "" : "none";
        buttons[n].style.cssText = n === chosen ? CHOSEN : PLAIN;
        buttons[n].setAttribute("aria-checked", n === chosen);
        buttons[n].tabIndex = n === chosen ? 0 : -1;
      });
      root.dataset.chosen = views[chosen].dataset.view;
      if (isFollowed) buttons[chosen].focus({ preventScroll: true });
    }

    root.prepend(bar);
    choose(Math.max(0, views.findIndex((view) => view.open)));
  }

  document.querySelectorAll('[data-switch="KEY"]').forEach((root) => {
    if (root.dataset.chosen === undefined) set(root);
  });
})();
