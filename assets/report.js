// Draws the figures of a report: in the theme of whoever reads it, again when that changes or the window does, and light on paper.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function draw(holder, theme) {
    const told = document.querySelector(`script[data-for="${CSS.escape(holder.id)}"]`);
    const figure = JSON.parse(JSON.parse(told.textContent)[theme]);
    const layout = { ...figure.layout, autosize: true };
    if (holder.clientWidth < 480) {
      layout.annotations = (layout.annotations ?? []).filter((a) => a.name !== "wide")
        .map((a) => (a.name?.startsWith("narrow:") ? { ...a, text: a.name.slice(7) } : a));
      layout.margin = { ...layout.margin, ...layout.meta?.narrow?.margin };
    }
    if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
    return Plotly.react(holder, figure.data, layout, { responsive: true, displayModeBar: false, displaylogo: false, scrollZoom: false });
  }

  const all = (theme) => document.querySelectorAll(".plot").forEach((holder) => draw(holder, theme));
  const now = () => all(dark.matches ? "dark" : "light");
  dark.addEventListener("change", now);
  addEventListener("beforeprint", () => all("light"));
  addEventListener("afterprint", now);
  now();
})();
