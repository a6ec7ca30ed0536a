// Runs once for each piece of HTML on the page, as the body of a function of element and trigger.
element.addEventListener("click", event => {
  const button = event.target.closest("button");
  if (button?.dataset.ask) {
    for (const other of element.querySelectorAll("[aria-pressed]")) other.removeAttribute("aria-pressed");
    button.setAttribute("aria-pressed", "true");
    const poem = button.closest("[data-poem]")?.dataset.poem;
    const { first, last, ...asked } = button.dataset;
    trigger("select", first ? { poem, first: Number(first), last: Number(last), ...asked } : asked);
  }
});

element.addEventListener("input", event => {
  if (!("slide" in event.target.dataset)) return;
  const at = event.target.value;
  for (const step of element.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== at;
  element.querySelector("output").textContent = Number(at) + 1;
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
  if (!map) return;
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
