// A Plotly figure that stays the same figure while data arrive: zoom, hover and hidden series survive, the theme follows the page.
// Called anew with every change of its data and of the theme; nothing may be added twice.

const pictures = () => (window.espalierPictures ??= new Map());

const library = () => (window.espalierPlotly ??= new Promise((loaded, failed) => {
  const script = document.createElement("script");
  script.src = "assets/plotly.min.js";
  script.onload = () => loaded(window.Plotly);
  script.onerror = () => { window.espalierPlotly = undefined; failed(new Error("assets/plotly.min.js did not load")); };
  document.head.append(script);
}));

function isDark(element) {
  const probe = document.createElement("span");
  probe.style.color = "var(--st-background-color)";
  element.append(probe);
  const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  return 0.3 * red + 0.59 * green + 0.11 * blue < 128;
}

function picture(Plotly, plot, paper, format) {
  const { width, height } = plot.getBoundingClientRect();
  const layout = { ...plot.layout, paper_bgcolor: paper };
  return Plotly.toImage({ data: plot.data, layout }, { format, width, height, scale: format === "png" ? 3 : 1 });
}

export default function ({ data, parentElement }) {
  const holder = parentElement.querySelector(".espalier-plot");
  holder.setAttribute("aria-label", data.label);
  holder.style.minHeight = data.height + "px";
  let gone = false;
  library().then((Plotly) => {
    if (gone) return;
    const plot = holder.querySelector(".espalier-ink");
    const figure = JSON.parse(isDark(parentElement) ? data.dark : data.light);
    const touch = matchMedia("(max-width: 640px), (pointer: coarse)").matches;
    const layout = { ...figure.layout, uirevision: data.revision, autosize: true };
    if (touch) layout.dragmode = false;
    // Labels named "wide" need more room than a phone has.
    if (parentElement.clientWidth < 480) layout.annotations = (layout.annotations ?? []).filter((a) => a.name !== "wide");
    const paper = getComputedStyle(parentElement).getPropertyValue("--st-background-color");
    pictures().set(data.key, (format) => picture(Plotly, plot, paper, format));
    return Plotly.react(plot, figure.data, layout, { responsive: true, displayModeBar: false, displaylogo: false, scrollZoom: false });
  }).catch((error) => { holder.textContent = "The figure could not be drawn. " + error.message; });
  return () => { gone = true; pictures().delete(data.key); };
}
