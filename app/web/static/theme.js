// Before anything is painted: light or dark, as chosen, else as the system has it.
(() => {
  const CHOICE = "strongroom.theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = "system";
  try {
    chosen = localStorage.getItem(CHOICE) ?? "system";
  } catch { /* storage may be forbidden */ }

  const apply = () => {
    const dark = chosen === "dark" || (chosen !== "light" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.documentElement.dataset.themeChoice = chosen;
  };

  system.addEventListener("change", apply);
  addEventListener("theme-chosen", (event) => {
    chosen = event.detail;
    try {
      localStorage.setItem(CHOICE, chosen);
    } catch { /* the choice then lasts until the page is left */ }
    apply();
  });
  apply();
})();
