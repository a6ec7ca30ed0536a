// Runs once for each piece of HTML on the page, as the body of a function of element and trigger.
element.addEventListener("click", event => {
  const button = event.target.closest("button, [data-region]");
  if (button?.dataset.ask) {
    for (const other of element.querySelectorAll("[data-ask][aria-pressed]")) other.removeAttribute("aria-pressed");
    if (button.matches("button")) button.setAttribute("aria-pressed", "true");
    const poem = button.closest("[data-poem]")?.dataset.poem;
    const { first, last, region, simplified, traditional, ...asked } = button.dataset;
    if (region) trigger("select", { region: Number(region) });
    else trigger("select", first ? { poem, first: Number(first), last: Number(last), ...asked } : asked);
  }
});

// The map: a cross that a click or the arrow keys move; its place is told in units of the plane.
const cross = { x: 320, y: 240 };
const read = (map, x, y, told) => {
  const { width, height } = map.viewBox.baseVal;
  cross.x = Math.min(width, Math.max(0, x));
  cross.y = Math.min(height, Math.max(0, y));
  map.querySelector(".cross").setAttribute("transform", `translate(${cross.x} ${cross.y})`);
  const [left, high, right, low] = map.dataset.map.split(" ").map(Number);
  if (told) trigger("select", {
    x: left + cross.x / width * (right - left),
    y: high - cross.y / height * (high - low),
  });
};

element.addEventListener("click", event => {
  const map = event.target.closest("svg[data-map]");
  if (!map || event.target.closest("[data-region]")) return;
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
  read(map, at.x, at.y, true);
});

element.addEventListener("keydown", event => {
  const map = event.target.closest("svg[data-map]");
  if (!map) return;
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const step = event.shiftKey ? 40 : 12;
  if (event.key in ways) read(map, cross.x + ways[event.key][0] * step, cross.y + ways[event.key][1] * step, false);
  else if (event.key === "Enter" || event.key === " ") read(map, cross.x, cross.y, true);
  else return;
  event.preventDefault();
});

// A page that is opened with a query writes what it asks for.
if (element.querySelector(".written") && new URLSearchParams(location.search).has("seed")) {
  trigger("submit", { query: location.search.slice(1) });
}

// The region that is pointed at, or has the focus, stands out among the others.
const light = target => {
  const of = target?.closest?.("[data-region]")?.dataset.region;
  for (const dot of element.querySelectorAll(".map circle[data-of]")) {
    dot.classList.toggle("faded", of !== undefined && dot.dataset.of !== of);
  }
};
for (const name of ["mouseover", "focusin"]) element.addEventListener(name, event => light(event.target));
for (const name of ["mouseout", "focusout"]) element.addEventListener(name, event => light(event.relatedTarget));
