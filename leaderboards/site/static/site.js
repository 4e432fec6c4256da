// Sorting of tables and playing of videos together. The page is complete without it.
"use strict";

function value(row, column) {
  const text = row.cells[column]?.dataset.value ?? "";
  if (text === "") return null;
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null); // missing values stay last
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  return sign * order;
}

function sortBy(table, header, column) {
  const sign = header.getAttribute("aria-sort") === "descending" ? 1 : -1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    rows.sort((a, b) => compare(value(a, column), value(b, column), sign));
    body.append(...rows);
  }
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort within each group";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sortBy(table, header, column));
    header.append(button);
  });
}

// A link to a closed part opens it.
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target?.tagName === "DETAILS") target.open = true;
}
addEventListener("hashchange", reveal);
reveal();

// Small videos show their picture; the controls come with the pointer or the focus.
for (const video of document.querySelectorAll(".videos video")) {
  video.controls = false;
  video.tabIndex = 0;
  const show = () => { video.controls = true; };
  const hide = () => { video.controls = document.activeElement === video; };
  video.addEventListener("pointerenter", show);
  video.addEventListener("focus", show);
  video.addEventListener("pointerleave", hide);
  video.addEventListener("blur", hide);
}

for (const group of document.querySelectorAll(".videos")) {
  const videos = [...group.querySelectorAll("video")];
  if (videos.length < 2) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "together";
  button.textContent = "Play all together";
  button.addEventListener("click", () => {
    videos.forEach((video, index) => {
      video.muted = index > 0;
      video.currentTime = 0;
      video.play();
    });
  });
  group.before(button);
}
