"use strict";
// Pages are whole without this script; it sorts and filters their tables, and draws anew what is still being measured.

const framed = window.self !== window.top;
if (framed) document.documentElement.classList.add("framed");

// Airflow's frame lets no link lead out of it: what leads to Airflow's own pages is followed in Airflow's window
function followOutside(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const [base] = location.pathname.split("/genai/");
  const goal = new URL(link.getAttribute("href"), location);
  if (goal.pathname.startsWith(base + "/genai/")) return;
  event.preventDefault();
  const outside = window.parent.document.createElement("a");
  outside.href = goal.href;
  window.parent.document.body.append(outside);
  outside.click();
  outside.remove();
}
if (framed) document.addEventListener("click", followOutside);

const state = new URLSearchParams(location.search);

function remember(name, value) {
  if (value) state.set(name, value); else state.delete(name);
  history.replaceState(null, "", state.size ? "?" + state : location.pathname);
}

// ---- tables that are sorted by a column's heading
function makeSortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const sort = (column, descending) => {
    const key = row => row.cells[column].dataset.order;
    const numeric = [...body.rows].every(row => key(row) !== "" && !isNaN(key(row)));
    const compare = numeric ? (a, b) => key(a) - key(b) : (a, b) => key(a).localeCompare(key(b));
    body.append(...[...body.rows].sort(descending ? (a, b) => compare(b, a) : compare));
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      sort(column, descending);
      remember("sort", (descending ? "-" : "") + column);
    });
    head.append(button);
  });
  const asked = state.get("sort");
  const column = Math.abs(Number(asked));
  if (asked !== null && column < heads.length) sort(column, asked.startsWith("-"));
}

// ---- rows that are shown by a text and a tag
function makeFilters(form) {
  const rows = [...document.getElementById(form.dataset.filters).tBodies[0].rows];
  const text = form.elements.q, tag = form.elements.show, told = form.querySelector("output");
  const apply = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      row.hidden = !(words.every(word => content.includes(word))
        && (!tag.value || row.dataset.tags.split(" ").includes(tag.value)));
      count += !row.hidden;
    }
    told.textContent = count === rows.length ? rows.length + " in all" : count + " of " + rows.length;
  };
  text.value = state.get("q") || "";
  if ([...tag.options].some(one => one.value === state.get("show"))) tag.value = state.get("show");
  form.addEventListener("input", () => {
    remember("q", text.value.trim());
    remember("show", tag.value);
    apply();
  });
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
  apply();
}

document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
document.querySelectorAll("form[data-filters]").forEach(makeFilters);

// ---- pictures of what is still being measured: asked for again while a training goes on
const SVG = "http://www.w3.org/2000/svg";
const POLL_SECONDS = 5;

function made(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  if (text !== undefined) node.textContent = text;
  return node;
}

// the same as the macro `plot` of parts.html
function draw(figure, plot) {
  const picture = figure.querySelector("svg[role=img]");
  const [left, right, foot] = ["x1", "x2", "y1"].map(name => Number(picture.querySelector(".axis").getAttribute(name)));
  picture.querySelector("desc").textContent = plot.description;
  picture.querySelector(".ticks").replaceChildren(
    ...plot.y_ticks.flatMap(tick => [
      made("line", {class: "grid", x1: left, x2: right, y1: tick.at, y2: tick.at}),
      made("text", {x: left - 6, y: tick.at + 4, "text-anchor": "end"}, tick.text),
    ]),
    ...plot.x_ticks.map(tick => made("text", {x: tick.at, y: foot + 18, "text-anchor": "middle"}, tick.text)),
  );
  picture.querySelector(".lines").replaceChildren(
    ...plot.lines.flatMap((line, place) => [
      made("polyline", {class: "line s" + place, points: line.points}),
      ...line.dots.map(([cx, cy]) => made("circle", {class: "fill s" + place, cx, cy, r: 3.5})),
    ]));
  const legend = figure.querySelector(".legend");
  legend.hidden = plot.lines.length < 2;
  legend.replaceChildren(...plot.lines.map((line, place) => {
    const item = document.createElement("li"), key = made("svg", {viewBox: "0 0 24 8", "aria-hidden": "true"});
    key.append(made("line", {class: "line s" + place, x1: 0, x2: 24, y1: 4, y2: 4}));
    item.append(key, line.name);
    return item;
  }));
  const row = (cells, kind) => {
    const line = document.createElement("tr");
    line.append(...cells.map(text => {
      const cell = document.createElement(kind);
      cell.className = "number";
      if (kind === "th") cell.scope = "col";
      cell.textContent = text;
      return cell;
    }));
    return line;
  };
  const table = figure.querySelector("table");
  table.tHead.replaceChildren(row(plot.headers, "th"));
  table.tBodies[0].replaceChildren(...plot.rows.map(cells => row(cells, "td")));
}

async function follow(section) {
  const told = section.querySelector("[data-live-told]");
  for (let live = true; live;) {
    await new Promise(done => setTimeout(done, 1000 * POLL_SECONDS));
    if (document.hidden) continue;
    try {
      const answer = await fetch(section.dataset.live, {credentials: "same-origin"});
      if (!answer.ok) throw new Error("HTTP " + answer.status);
      const found = await answer.json();
      for (const {plot, words} of found.curves) {
        const figure = document.getElementById(plot.id);
        if (!figure || figure.querySelector("b").textContent !== plot.title) {
          told.textContent = "Another training has begun: reload the page to see it.";
          continue;
        }
        draw(figure, plot);
        figure.querySelector("[data-words]").textContent = words;
      }
      live = found.live;
      if (!live) {
        section.querySelector("h2 .live")?.remove();
        told.textContent = "The training has ended: reload the page to see what came of it.";
      }
    } catch (error) {
      told.textContent = "Not up to date: " + error.message;
    }
  }
}

document.querySelectorAll("[data-live]").forEach(follow);
