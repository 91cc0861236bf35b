"use strict";

const by = (id) => document.getElementById(id);
const SAYS = {
  "too-large": "This picture is too large.",
  "too-slow": "This took too long.",
  "busy": "The server is busy; try again in a moment.",
  "not-an-image": "This is no picture.",
};
// Where the server is asked by others, its address is given with a token behind the #.
const TOKEN = location.hash.slice(1);
const BRINGS = TOKEN ? { Authorization: `Bearer ${TOKEN}` } : {};
let address = null;
let asked = 0;

async function load(image, path) {
  const answer = await fetch(path, { headers: BRINGS });
  if (answer.ok) image.src = URL.createObjectURL(await answer.blob());
}

function put(parent, kind, text, name) {
  const made = document.createElement(kind);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  parent.append(made);
  return made;
}

function showGuesses(predictions) {
  by("guesses").replaceChildren();
  for (const guess of predictions) {
    const row = put(by("guesses"), "li");
    put(row, "span", undefined, "bar").style.width = `${100 * guess.probability}%`;
    put(row, "span", guess.class_name);
    put(row, "span", `${(100 * guess.probability).toFixed(1)} %`, "chance");
  }
}

function showNeighbors(neighbors) {
  by("near").hidden = !neighbors;
  by("neighbors").replaceChildren();
  for (const one of neighbors || []) {
    const figure = put(by("neighbors"), "figure");
    const image = put(figure, "img");
    image.alt = "";
    load(image, `/training/${one.number}.png`);
    put(figure, "figcaption", one.class_name);
  }
}

async function ask(file) {
  const number = ++asked;
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(file);
  by("shown").src = address;
  by("shown").hidden = false;
  by("hint").hidden = true;
  by("said").textContent = "Looking …";
  try {
    const answer = await fetch("/predict", {
      method: "POST",
      headers: { ...BRINGS, "Content-Type": file.type.startsWith("image/") ? file.type : "application/octet-stream" },
      body: file,
    });
    const told = await answer.json();
    if (number !== asked) return;
    by("said").textContent = answer.ok ? "" : SAYS[told.error] || `It cannot be used (${told.error}).`;
    showGuesses(answer.ok ? told.predictions : []);
    showNeighbors(answer.ok ? told.neighbors : undefined);
  } catch {
    if (number === asked) by("said").textContent = "The server does not answer.";
  }
}

by("file").addEventListener("change", (event) => event.target.files[0] && ask(event.target.files[0]));
by("drop").addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") by("file").click();
});
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    by("drop").classList.add("over");
  });
}
document.addEventListener("dragleave", () => by("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  by("drop").classList.remove("over");
  if (event.dataTransfer.files[0]) ask(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
  if (file) ask(file);
});

fetch("/model", { headers: BRINGS }).then((answer) => answer.json()).then((model) => {
  by("model").textContent = `${model.architecture}, ${model.classes.toLocaleString("en")} classes`;
  by("first").hidden = !model.kernels;
  if (model.kernels) load(by("kernels"), "/kernels.png");
});
