/**
 * The script of a report. It sorts and filters the runs, and copies commands to the clipboard. It contains no data of
 * artifacts.
 */
export const SCRIPT: string = `
"use strict";
const table = document.getElementById("runs");
const body = table.tBodies[0];
const rows = [...body.rows];
const [search, state, count] = ["search", "state", "count"].map((id) => document.getElementById(id));
const texts = new Map();

function textOf(row) {
  if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
  return texts.get(row);
}

function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const matches = (state.value === "" || row.dataset.state === state.value) &&
      (words.length === 0 || words.every((word) => textOf(row).includes(word)));
    row.hidden = !matches;
    if (matches) shown++;
  }
  count.textContent = shown + " of " + rows.length + " runs";
}

const names = new Intl.Collator("en", { numeric: true });

function sort(button) {
  const header = button.parentElement;
  const ascending = header.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const value = (row) => row.cells[header.cellIndex].dataset.sort;
  const compare = button.dataset.type === "number"
    ? (a, b) => Number(a) - Number(b)
    : (a, b) => names.compare(a, b);
  const known = rows.filter((row) => value(row) !== "" && value(row) !== "-");
  known.sort((a, b) => compare(value(a), value(b)) * (ascending ? 1 : -1));
  const unknown = rows.filter((row) => !known.includes(row));
  rows.splice(0, rows.length, ...known, ...unknown);
  body.append(...rows);
}

async function copy(button) {
  const code = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

function showTarget() {
  const row = document.getElementById(location.hash.slice(1));
  if (row === null || !rows.includes(row)) return;
  if (row.hidden) {
    search.value = state.value = "";
    filter();
  }
  row.querySelector("details").open = true;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "center" });
}

document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
search.addEventListener("input", filter);
state.addEventListener("input", filter);
for (const button of table.tHead.querySelectorAll("button")) button.addEventListener("click", () => sort(button));
body.addEventListener("click", (event) => {
  if (event.target.classList.contains("copy")) void copy(event.target);
});
// This event does not bubble, so the listener must capture it. The listener scrolls each log to its last line.
body.addEventListener("toggle", (event) => {
  for (const log of event.target.querySelectorAll("pre")) log.scrollTop = log.scrollHeight;
}, true);
addEventListener("hashchange", showTarget);
filter();
showTarget();
`;
