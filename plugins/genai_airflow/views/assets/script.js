"use strict";
// Pages are whole without this script; it sorts and filters their tables, and draws anew what is still being measured.

if (window.self !== window.top) document.documentElement.classList.add("framed");

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
    const rows = [...body.rows].sort(compare);
    body.append(...(descending ? rows.reverse() : rows));
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
