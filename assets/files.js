// Two buttons that save a picture of this page: a Plotly figure through its own export, pictures of masks drawn together from what stands on the page.

function parts(holder) {
  const frame = holder.getBoundingClientRect();
  const at = (element) => {
    const box = element.getBoundingClientRect();
    return { x: box.left - frame.left, y: box.top - frame.top, w: box.width, h: box.height };
  };
  const pictures = [...holder.querySelectorAll("canvas, img")].map((element) => ({ element, ...at(element) }));
  const texts = [...holder.querySelectorAll("span, figcaption, p")].filter((e) => !e.children.length && e.textContent.trim())
    .flatMap((element) => {
      const box = at(element), align = getComputedStyle(element).textAlign, words = element.textContent.trim();
      const lines = box.h > 26 ? words.split(" ") : [words];
      return lines.map((text, i) => ({ text, align, ...box, y: box.y + (i * box.h) / lines.length, h: box.h / lines.length }));
    });
  return { width: frame.width, height: frame.height, pictures, texts };
}

const colours = (holder) => ({ ink: getComputedStyle(holder).color, paper: getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor });
const anchor = (t) => (t.align === "center" ? [t.x + t.w / 2, "middle"] : t.align === "right" || t.align === "end" ? [t.x + t.w, "end"] : [t.x, "start"]);

function pixels({ element }) {
  const canvas = document.createElement("canvas");
  canvas.width = element.naturalWidth || element.width;
  canvas.height = element.naturalHeight || element.height;
  canvas.getContext("2d").drawImage(element, 0, 0);
  return canvas.toDataURL("image/png");
}

function png(holder, scale = 3, margin = 12) {
  const { width, height, pictures, texts } = parts(holder), { ink, paper } = colours(holder);
  const canvas = document.createElement("canvas");
  canvas.width = scale * (width + 2 * margin);
  canvas.height = scale * (height + 2 * margin);
  const pen = canvas.getContext("2d");
  pen.fillStyle = paper;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.scale(scale, scale);
  pen.translate(margin, margin);
  pen.imageSmoothingEnabled = false;
  for (const p of pictures) pen.drawImage(p.element, p.x, p.y, p.w, p.h);
  pen.fillStyle = ink;
  pen.font = '13px "Source Sans", sans-serif';
  pen.textBaseline = "middle";
  for (const t of texts) {
    const [x, side] = anchor(t);
    pen.textAlign = side === "middle" ? "center" : side;
    pen.fillText(t.text, x, t.y + t.h / 2);
  }
  return canvas.toDataURL("image/png");
}

function svg(holder, margin = 12) {
  const { width, height, pictures, texts } = parts(holder), { ink, paper } = colours(holder);
  const node = (name, attributes, content) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...(content ?? []));
    return element;
  };
  const drawn = [
    node("rect", { x: -margin, y: -margin, width: width + 2 * margin, height: height + 2 * margin, fill: paper }),
    ...pictures.map((p) => node("image", { x: p.x, y: p.y, width: p.w, height: p.h, href: pixels(p), style: "image-rendering:pixelated", preserveAspectRatio: "none" })),
    ...texts.map((t) => node("text", { x: anchor(t)[0], y: t.y + t.h / 2, "text-anchor": anchor(t)[1], "dominant-baseline": "middle", fill: ink, "font-family": "Source Sans, sans-serif", "font-size": 13 }, [t.text])),
  ];
  const box = [-margin, -margin, width + 2 * margin, height + 2 * margin];
  const text = new XMLSerializer().serializeToString(node("svg", { viewBox: box.join(" "), width: box[2], height: box[3] }, drawn));
  return URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
}

// The link stays off the page: a click in it would count as one beside the popover and close it.
function save(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

export default function ({ data, parentElement }) {
  const status = parentElement.querySelector("[role=status]");
  for (const button of parentElement.querySelectorAll("button")) {
    const format = button.dataset.format;
    button.setAttribute("aria-label", `Download the picture as ${format.toUpperCase()}`);
    button.onclick = async () => {
      const figure = window.espalierPictures?.get(data.key), holder = document.querySelector(`[data-picture="${CSS.escape(data.key)}"]`);
      status.textContent = figure || holder ? "" : "The picture is not drawn yet.";
      if (figure) save(await figure(format), `${data.name}.${format}`);
      else if (holder) save((format === "png" ? png : svg)(holder), `${data.name}.${format}`);
    };
  }
}
