// Runs once, in the head of the page: the script of all poems, what was written, links, pictures.
(() => {
  const root = document.documentElement;
  const page = root.lang;
  const find = selector => document.querySelector(selector);
  // Gradio speaks the language of the browser; here it speaks that of the page.
  Object.defineProperty(navigator, "language", { value: page });

  // The script. An element that holds a poem has the characters that differ in pairs.
  let script = { "zh-CN": "simplified", "zh-TW": "traditional" }[page] ?? "written";
  const POEMS = "[data-simplified], [data-traditional]";
  const shown = new WeakMap(); // a piece of text: as it was written, and as it is shown
  const inScript = (text, poem) => {
    const pairs = [...(poem?.dataset[script] ?? "")];
    const other = new Map();
    for (let i = 0; i < pairs.length; i += 2) other.set(pairs[i], pairs[i + 1]);
    return [...text].map(char => other.get(char) ?? char).join("");
  };
  const show = poem => {
    const texts = document.createTreeWalker(poem, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const node = texts.currentNode;
      const known = shown.get(node);
      const text = known?.shown === node.data ? known.text : node.data;
      const now = inScript(text, poem);
      shown.set(node, { text, shown: now });
      if (node.data !== now) node.data = now;
    }
    const simplified = script === "simplified" || (script === "written" && "traditional" in poem.dataset);
    poem.lang = simplified ? "zh-Hans" : "zh-Hant";
  };

  // What was written in this session, the newest first; only here.
  const written = [];
  const query = part => {
    const place = part.querySelector("[data-choose][aria-pressed=true]")?.dataset.choose ?? "0";
    return part.dataset.query + (place === "0" ? "" : `&chosen=${place}`);
  };
  const address = part => history.replaceState(history.state, "", `?${query(part)}`);
  const list = () => {
    const box = find("#history details");
    if (!box || box.dataset.n === String(written.length)) return;
    box.dataset.n = written.length;
    box.hidden = written.length < 2;
    box.querySelector("ol").replaceChildren(...written.map(({ at, verses }) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", lang: verses.lang, innerHTML: verses.innerHTML });
      Object.assign(button.dataset, verses.dataset, { again: at });
      const item = document.createElement("li");
      item.append(button);
      return item;
    }));
  };
  const keep = () => {
    const now = find("#written .written");
    if (!now || written.some(one => one.at === now.dataset.at)) return;
    const verses = now.querySelector("article:not([hidden]) .verses").cloneNode(true);
    written.unshift({ at: now.dataset.at, html: now.outerHTML, verses });
    if (written.length < 2) return;
    address(now);
    if (now.getBoundingClientRect().top < 0) now.scrollIntoView({ block: "start" });
  };
  const pressed = (buttons, one) => {
    for (const button of buttons) button.setAttribute("aria-pressed", button === one);
  };

  const copy = async (text, button) => {
    if (navigator.clipboard && window.isSecureContext) await navigator.clipboard.writeText(text);
    else {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const name = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = name; }, 1500);
  };

  document.addEventListener("click", event => {
    const link = event.target.closest("a[hreflang]");
    if (link) link.search = location.search;
    const button = event.target.closest("button");
    if (!button) return;
    const { copy: text, choose, again, script: chosen } = button.dataset;
    const part = button.closest(".written");
    if (text) copy(inScript(text, button.closest("article")?.querySelector(POEMS)), button);
    else if ("link" in button.dataset) copy(`${location.origin}${location.pathname}?${query(part)}`, button);
    else if ("picture" in button.dataset) draw(button.closest("article").querySelector(".verses"));
    else if ("close" in button.dataset) button.closest("dialog").close();
    else if (choose) {
      part.querySelectorAll("article").forEach((poem, i) => { poem.hidden = String(i) !== choose; });
      pressed(part.querySelectorAll("[data-choose]"), button);
      address(part);
    } else if (again) {
      find("#written .written").outerHTML = written.find(one => one.at === again).html;
      address(find("#written .written"));
      find("#written").scrollIntoView({ block: "nearest" });
    } else if (chosen) {
      script = chosen;
      pressed(button.parentElement.children, button);
      document.querySelectorAll(POEMS).forEach(show);
    }
  });

  // A poem as a picture: Chinese in columns from right to left, others in lines.
  const SIZE = { width: 1080, height: 1350, margin: 150 };
  const SERIF = {
    "zh-Hant": '"Songti TC", "Noto Serif CJK TC", "Noto Serif TC", "Source Han Serif TC", PMingLiU, serif',
    "zh-Hans": '"Songti SC", "Noto Serif CJK SC", "Noto Serif SC", "Source Han Serif SC", SimSun, serif',
  };
  const draw = poem => {
    const dialog = find("#shared");
    const canvas = dialog.querySelector("canvas");
    const pen = canvas.getContext("2d");
    const { width, height, margin } = SIZE;
    const verses = [...poem.querySelectorAll("span")].map(verse => verse.textContent.trim());
    const face = SERIF[poem.lang] ?? 'Georgia, "Times New Roman", serif';
    const font = (size, weight = "") => { pen.font = `${weight} ${size}px ${face}`; };
    pen.fillStyle = "#f5efe1";
    pen.fillRect(0, 0, width, height);
    for (let i = 0; i < 5000; i++) { // fibres of the paper
      pen.fillStyle = `rgb(120 90 50 / ${i % 7 / 160})`;
      pen.fillRect(i * 7919 % width, i * 104729 % height, 1 + i % 3, 1);
    }
    pen.strokeStyle = "#b9a98a";
    pen.lineWidth = 2;
    pen.strokeRect(54, 54, width - 108, height - 108);
    pen.fillStyle = "#241f1a";
    pen.textBaseline = "middle";
    const [across, down] = [width - 2 * margin, height - 2 * margin];
    if (poem.lang.startsWith("zh")) {
      const columns = verses.map(verse => [...verse].filter(char => /[\p{L}\p{N}]/u.test(char)));
      const longest = Math.max(...columns.map(column => column.length));
      const size = Math.min(96, across / (columns.length * 1.7 - 0.7), down / (longest * 1.2));
      font(size);
      pen.textAlign = "center";
      const begin = width / 2 + (columns.length - 1) / 2 * size * 1.7;
      const top = height / 2 - (longest - 1) / 2 * size * 1.2 - 30;
      columns.forEach((column, x) => column.forEach((char, y) => {
        pen.fillText(char, begin - x * size * 1.7, top + y * size * 1.2);
      }));
    } else {
      font(100);
      const widest = Math.max(...verses.map(verse => pen.measureText(verse).width));
      const size = Math.min(60, 100 * across / widest, down / (verses.length * 1.8));
      font(size);
      pen.textAlign = "left";
      const begin = (width - widest * size / 100) / 2;
      verses.forEach((verse, y) => {
        pen.fillText(verse, begin, height / 2 + (y - (verses.length - 1) / 2) * size * 1.8);
      });
    }
    const seal = { x: margin - 40, y: height - margin - 30, side: 64 };
    pen.fillStyle = "#a8322a";
    pen.beginPath();
    pen.roundRect(seal.x, seal.y, seal.side, seal.side, 9);
    pen.fill();
    pen.fillStyle = "#f5efe1";
    pen.textAlign = "center";
    pen.font = `42px ${SERIF["zh-Hant"]}`;
    pen.fillText(script === "simplified" ? "诗" : "詩", seal.x + seal.side / 2, seal.y + seal.side / 2 + 2);
    canvas.setAttribute("aria-label", verses.join(" "));
    canvas.toBlob(image => {
      const save = dialog.querySelector("a");
      URL.revokeObjectURL(save.href);
      save.href = URL.createObjectURL(image);
    });
    dialog.showModal();
  };

  // What Gradio has in English alone.
  const rename = part => {
    const name = part.getAttribute("aria-label");
    for (const [english, other] of Object.entries(NAMES)) {
      if (name?.startsWith(english) && other !== english) {
        part.setAttribute("aria-label", other + name.slice(english.length));
      }
    }
  };

  new MutationObserver(changes => {
    keep();
    list();
    for (const { target, addedNodes, attributeName } of changes) {
      if (attributeName === "aria-label") rename(target);
      for (const added of addedNodes) {
        if (added.matches?.("[aria-label]")) rename(added);
        added.querySelectorAll?.("[aria-label]").forEach(rename);
      }
      const part = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
      const above = part?.closest(POEMS);
      if (above) show(above);
      for (const added of addedNodes) {
        if (added.matches?.(POEMS)) show(added);
        added.querySelectorAll?.(POEMS).forEach(show);
      }
    }
  }).observe(root, {
    attributes: true,
    attributeFilter: ["aria-label", "data-simplified", "data-traditional"],
    characterData: true,
    childList: true,
    subtree: true,
  });
})();
