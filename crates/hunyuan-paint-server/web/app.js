// The page: takes two files, shows the progress and the textured mesh.

import { base64, Client, ServerError } from './client.js';
import { readGlb } from './glb.js';
import { Viewer } from './viewer.js';

const element = (id) => document.getElementById(id);
const client = new Client();
let viewer = null;
let running = null;
let downloadUrl = null;

try {
  viewer = new Viewer(element('view'));
} catch (error) {
  element('hint').textContent = `${error.message} You can still download the result.`;
}

function say(text, bad = false) {
  element('message').textContent = text;
  element('message').classList.toggle('bad', bad);
}

/** Shows a GLB file. */
async function show(blob, hint) {
  if (!viewer) return;
  try {
    await viewer.show(readGlb(await blob.arrayBuffer()));
    element('hint').textContent = hint;
  } catch (error) {
    element('hint').textContent = `This mesh cannot be shown: ${error.message}`;
  }
}

/** Connects a drop area with its file input. */
function drop(name, onFile) {
  const area = element(`${name}-drop`);
  const input = element(name);
  const changed = () => {
    const [file] = input.files;
    if (!file) return;
    element(`${name}-name`).textContent = file.name;
    onFile(file);
  };
  input.addEventListener('change', changed);
  area.addEventListener('dragover', (event) => {
    event.preventDefault();
    area.classList.add('over');
  });
  area.addEventListener('dragleave', () => area.classList.remove('over'));
  area.addEventListener('drop', (event) => {
    event.preventDefault();
    area.classList.remove('over');
    if (event.dataTransfer.files.length > 0) {
      input.files = event.dataTransfer.files;
      changed();
    }
  });
}

drop('mesh', (file) => {
  if (file.name.toLowerCase().endsWith('.glb')) show(file, 'Your mesh, not yet painted.');
});
drop('image', (file) => {
  const shown = element('image-shown');
  URL.revokeObjectURL(shown.src);
  shown.src = URL.createObjectURL(file);
  shown.hidden = false;
});
// A file dropped elsewhere must not replace the page.
for (const name of ['dragover', 'drop']) window.addEventListener(name, (event) => event.preventDefault());

/** Returns the list entry of a stage, which is added if it is new. */
function stageEntry(name) {
  const known = document.querySelector(`#stages li[data-stage="${name}"]`);
  if (known) return known;
  const entry = document.createElement('li');
  entry.dataset.stage = name;
  entry.innerHTML = '<div class="row"><span class="name"></span><progress max="1"></progress></div><div class="previews"></div>';
  entry.querySelector('.name').textContent = name;
  element('stages').append(entry);
  return entry;
}

async function showPreviews(uid, { stage, version, count }) {
  const entry = stageEntry(stage);
  const indices = [...Array(count).keys()];
  const blobs = await Promise.all(indices.map((index) => client.preview(uid, stage, index)));
  if (Number(entry.dataset.version ?? 0) > version) return;
  entry.dataset.version = version;
  const images = blobs.map((blob) => {
    const image = document.createElement('img');
    image.alt = '';
    image.src = URL.createObjectURL(blob);
    image.onload = () => URL.revokeObjectURL(image.src);
    return image;
  });
  entry.querySelector('.previews').replaceChildren(...images);
}

async function follow(uid) {
  for await (const { name, data } of client.events(uid)) {
    if (name === 'queued') say(data.ahead === 0 ? 'Next in the queue.' : `Waiting for ${data.ahead} other jobs.`);
    if (name === 'painting') say('Painting.');
    if (name === 'stage') stageEntry(data.stage).querySelector('progress').value = data.fraction;
    // A missing preview is harmless.
    if (name === 'preview') showPreviews(uid, data).catch(() => {});
    if (name === 'failed') throw new Error(data.text);
    if (name === 'completed') return;
  }
  throw new Error('The connection was lost before the painting was finished.');
}

async function paint() {
  const [mesh] = element('mesh').files;
  const [image] = element('image').files;
  if (!mesh || !image) throw new Error('Choose a mesh and an image first.');
  element('stages').replaceChildren();
  element('download').hidden = true;
  say('Sending.');
  const uid = await client.send({
    mesh: await base64(mesh),
    mesh_type: mesh.name.split('.').pop().toLowerCase(),
    image: await base64(image),
    texture: true,
    seed: element('seed').valueAsNumber || 0,
    face_count: element('face-count').valueAsNumber || 1,
  });
  running = uid;
  element('cancel').hidden = false;
  await follow(uid);
  const result = await client.result(uid);
  await show(result, 'Painted. Drag to turn, scroll to zoom.');
  URL.revokeObjectURL(downloadUrl);
  downloadUrl = URL.createObjectURL(result);
  element('download').href = downloadUrl;
  element('download').hidden = false;
  say(`Done: ${(result.size / 1e6).toFixed(1)} MB.`);
}

element('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  element('paint').disabled = true;
  try {
    await paint();
  } catch (error) {
    const unauthorized = error instanceof ServerError && error.status === 401;
    if (unauthorized) element('token-field').hidden = false;
    say(unauthorized ? 'This server requires a token.' : error.message, true);
  }
  running = null;
  element('paint').disabled = false;
  element('cancel').hidden = true;
});

element('cancel').addEventListener('click', () => {
  if (running) client.cancel(running).catch((error) => say(error.message, true));
});
element('token').addEventListener('change', (event) => client.setToken(event.target.value));
