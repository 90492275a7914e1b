// The page at /: a person drops an image and sees scores, thresholds and where the model looked. It loads nothing from
// elsewhere.
#include <string>

#include "serve/api.h"

namespace keel::serve {
namespace {

constexpr const char* kHead = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>keel serve</title><link rel="icon" href="data:,">
<style>
:root { --bg: #ffffff; --fg: #1b2430; --muted: #586474; --line: #d9dfe6; --bar: #2f6fab; --yes: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #14181d; --fg: #e6eaef; --muted: #9aa6b4; --line: #333c47; --bar: #6aa7dd; --yes: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1rem; background: var(--bg); color: var(--fg); font: 16px/1.5
  system-ui, sans-serif; }
h1 { font-size: 1.25rem; margin: 0 0 .25rem; }
p.note { color: var(--muted); margin: 0 0 1rem; font-size: .9rem; }
form { display: flex; flex-wrap: wrap; gap: 1rem; align-items: end; margin-bottom: 1rem; }
label { display: block; font-size: .85rem; color: var(--muted); }
select, input { font: inherit; color: inherit; background: var(--bg); border: 1px solid var(--line); border-radius:
  .3rem; padding: .3rem; }
#drop { border: 2px dashed var(--line); border-radius: .5rem; padding: 2rem; text-align: center; cursor: pointer; }
#drop.over, #drop:focus-visible { border-color: var(--bar); outline: none; }
#result { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1rem; margin-top: 1rem; }
@media (max-width: 44rem) { #result { grid-template-columns: 1fr; } }
#result img { max-width: 100%; height: auto; border-radius: .3rem; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-size: .85rem; color: var(--muted); font-weight: normal; }
td, th { padding: .2rem .5rem .2rem 0; border-bottom: 1px solid var(--line); }
td.score { width: 45%; }
.track { position: relative; height: .8rem; background: var(--line); border-radius: .2rem; }
.fill { position: absolute; inset: 0 auto 0 0; background: var(--bar); border-radius: .2rem; }
.mark { position: absolute; top: -.2rem; bottom: -.2rem; width: 2px; background: var(--fg); }
tr.yes td.name { color: var(--yes); font-weight: 600; }
tr button { font: inherit; color: inherit; background: none; border: 0;
  padding: 0; text-align: left; cursor: pointer; text-decoration: underline dotted; }
#status { min-height: 1.5rem; } #status.bad { color: var(--yes); }
</style></head><body>
<h1>keel serve</h1>
<p class="note">Scores of a model, no diagnosis: this is not a medical device. Images stay on this server and are not
  kept.</p>
<form id="form"><div><label for="model">Model</label><select id="model"></select></div>
<div id="asks" hidden><label for="token">Bearer token</label><input id="token" type="password"
  autocomplete="off"></div></form>
<div id="drop" tabindex="0" role="button" aria-label="Choose or drop an image">Drop an image here, or click to choose
  one: PNG, JPEG, DICOM, TIFF
<input id="file" type="file" hidden></div>
<p id="status" role="status"></p>
<div id="result" hidden><div><img id="shown" alt=""><p class="note" id="where"></p></div>
<table><thead><tr><th>label</th><th>probability and threshold</th><th></th><th>answer</th></tr></thead><tbody
  id="rows"></tbody></table></div>
)html";

constexpr const char* kScript = R"html(<script>
"use strict";
const $ = id => document.getElementById(id);
let model = null, file = null, turn = 0;
const say = (text, bad) => { $("status").textContent = text; $("status").className = bad ? "bad" : ""; };
async function ask(path, options = {}) {
  options.headers = Object.assign({}, options.headers);
  if ($("token").value) options.headers.Authorization = "Bearer " + $("token").value;
  const answer = await fetch(path, options);
  if (answer.status === 401) $("asks").hidden = false;
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.error || answer.statusText);
  return json;
}
async function list() {
  try {
    const models = await ask("v2/repository/index");
    $("model").replaceChildren(...models.map(m => {
      const option = document.createElement("option");
      option.value = "v2/models/" + m.name + "/versions/" + m.version;
      option.textContent = m.name + ", version " + m.version;
      return option;
    }));
    $("model").selectedIndex = models.length - 1;
    await choose();
    say("");
  } catch (error) { say(error.message, true); }
}
async function choose() {
  model = await ask($("model").value);
  if (file) score();
}
// A file as the binary extension of the protocol has it: JSON, then the file's length and the file.
async function body(label) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const wishes = [{name: "probabilities"}];
  const has = name => model.outputs.some(o => o.name === name);
  if (has("calls")) wishes.push({name: "calls"});
  if (has("overlay")) wishes.push(label ? {name: "overlay", parameters: {label}} : {name: "overlay"});
  const head = new TextEncoder().encode(JSON.stringify({
    inputs: [{name: "image", datatype: "BYTES", shape: [1], parameters: {binary_data_size: bytes.length + 4}}],
    outputs: wishes}));
  const size = new Uint8Array(new Uint32Array([bytes.length]).buffer);
  return {method: "POST", body: new Blob([head, size, bytes]),
    headers: {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": String(head.length)}};
}
async function score(label) {
  const mine = ++turn;
  say("scoring …");
  try {
    const answer = await ask($("model").value + "/infer", await body(label));
    if (mine !== turn) return;
    const of = name => (answer.outputs.find(o => o.name === name) || {}).data;
    show(of("probabilities"), of("calls"), of("overlay"), label);
    say(file.name);
  } catch (error) { if (mine === turn) { say(error.message, true); $("result").hidden = true; } }
}
function show(scores, calls, overlay, label) {
  const {labels, thresholds} = model.parameters;
  const order = labels.map((_, i) => i).sort((a, b) => scores[b] - scores[a]);
  $("rows").replaceChildren(...order.map(i => {
    const row = document.createElement("tr"), call = calls ? calls[i] : -1, mark = thresholds[i];
    row.className = call === 1 ? "yes" : "";
    const cell = (text, name) => {
      const td = document.createElement("td");
      td.textContent = text;
      td.className = name || "";
      row.append(td);
      return td;
    };
    if (overlay) {
      const button = document.createElement("button");
      button.type = "button"; button.textContent = labels[i]; button.title = "where it is seen";
      button.onclick = () => score(labels[i]);
      cell("", "name").append(button);
    } else cell(labels[i], "name");
    const track = document.createElement("div"), fill = document.createElement("div");
    track.className = "track"; fill.className = "fill"; fill.style.width = 100 * scores[i] + "%";
    track.append(fill);
    if (mark != null) {
      const line = document.createElement("div");
      line.className = "mark"; line.style.left = 100 * mark + "%"; line.title = "threshold " + mark.toFixed(3);
      track.append(line);
    }
    cell("", "score").append(track);
    cell(scores[i].toFixed(3));
    cell(call === 1 ? "yes" : call === 0 ? "no" : "");
    return row;
  }));
  const image = $("shown");
  if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
  image.src = overlay ? "data:image/png;base64," + overlay[0] : URL.createObjectURL(file);
  const seen = label || labels[order[0]];
  image.alt = overlay ? "the image with a heatmap of " + seen : "the image";
  $("where").textContent = overlay ? "Where " + seen + " is seen" : "";
  $("result").hidden = false;
}
function take(files) { if (files.length) { file = files[0]; score(); } }
$("drop").onclick = () => $("file").click();
$("drop").onkeydown = event => {
  if (event.key === "Enter" || event.key === " ") { event.preventDefault(); $("file").click(); }
};
$("file").onchange = () => take($("file").files);
$("drop").ondragover = event => { event.preventDefault(); $("drop").className = "over"; };
$("drop").ondragleave = () => { $("drop").className = ""; };
$("drop").ondrop = event => { event.preventDefault(); $("drop").className = ""; take(event.dataTransfer.files); };
$("model").onchange = () => choose().catch(error => say(error.message, true));
$("token").onchange = list;
$("form").onsubmit = event => event.preventDefault();
list();
</script></body></html>
)html";

}  // namespace

const std::string& page_html() {
    static const std::string page = std::string(kHead) + kScript;
    return page;
}

}  // namespace keel::serve
