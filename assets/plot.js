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

// On a phone, labels named "wide" have no room, those named "narrow:A" say only A, and a figure may ask for another height, other margins and ticks.
function narrow(layout) {
  layout.annotations = (layout.annotations ?? []).filter((a) => a.name !== "wide")
    .map((a) => (a.name?.startsWith("narrow:") ? { ...a, text: a.name.slice(7) } : a));
  for (const part of Object.keys(layout.meta?.narrow ?? {})) {
    const wanted = layout.meta.narrow[part];
    layout[part] = typeof wanted === "object" ? { ...layout[part], ...wanted } : wanted;
  }
}

// Points that carry an id lead somewhere: by a click, on a touch screen by a second tap, since the first shows what is there.
function opens(plot, touch, report) {
  for (const name of ["plotly_click", "plotly_hover", "plotly_unhover"]) plot.removeAllListeners(name);
  let tapped;
  plot.on("plotly_click", ({ points }) => {
    const id = points.find((p) => p.id)?.id;
    if (id && (!touch || tapped === id)) report(id);
    tapped = id;
  });
  plot.on("plotly_hover", ({ points }) => plot.classList.toggle("opens", points.some((p) => p.id)));
  plot.on("plotly_unhover", () => plot.classList.remove("opens"));
}

export default function ({ data, parentElement, setTriggerValue }) {
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
    if (parentElement.clientWidth < 480) narrow(layout);
    const paper = getComputedStyle(parentElement).getPropertyValue("--st-background-color");
    pictures().set(data.key, (format) => picture(Plotly, plot, paper, format));
    return Plotly.react(plot, figure.data, layout, { responsive: true, displayModeBar: false, displaylogo: false, scrollZoom: false })
      .then(() => opens(plot, touch, (id) => setTriggerValue("opened", id)));
  }).catch((error) => { holder.textContent = "The figure could not be drawn. " + error.message; });
  return () => { gone = true; pictures().delete(data.key); };
}
