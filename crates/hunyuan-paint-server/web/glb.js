// Reads binary glTF: triangles with positions, UVs and a base color texture. Supports the server's
// results, and most other files.

const MAGIC = 0x46546c67;
const JSON_CHUNK = 0x4e4f534a;
const TRIANGLES = 4;
const INDEX_TYPES = { 5121: Uint8Array, 5123: Uint16Array, 5125: Uint32Array };
const FLOAT = 5126;

/**
 * Returns the primitives of a GLB file: `matrix` (world from object, 16 numbers in column order),
 * `positions` (3 floats per vertex), `uvs` (2 floats per vertex, v down) or null, `indices`, and
 * `image`, a Blob or null.
 */
export function readGlb(buffer) {
  const { json, body } = chunks(buffer);
  const primitives = [];
  const visit = (index, parent) => {
    const node = json.nodes[index];
    const matrix = multiply(parent, localMatrix(node));
    for (const primitive of node.mesh === undefined ? [] : json.meshes[node.mesh].primitives) {
      if ((primitive.mode ?? TRIANGLES) === TRIANGLES) primitives.push(read(json, body, primitive, matrix));
    }
    for (const child of node.children ?? []) visit(child, matrix);
  };
  for (const root of json.scenes[json.scene ?? 0].nodes) visit(root, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  if (primitives.length === 0) throw new Error('it has no triangles.');
  return primitives;
}

function chunks(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 20 || view.getUint32(0, true) !== MAGIC) throw new Error('it is not binary glTF.');
  const length = view.getUint32(12, true);
  if (view.getUint32(16, true) !== JSON_CHUNK) throw new Error('it does not begin with JSON.');
  const json = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 20, length)));
  return { json, body: buffer.slice(28 + length) };
}

function read(json, body, primitive, matrix) {
  const { POSITION, TEXCOORD_0 } = primitive.attributes;
  const positions = floats(json, body, POSITION, 3);
  const uvs = TEXCOORD_0 === undefined || json.accessors[TEXCOORD_0].componentType !== FLOAT
    ? null : floats(json, body, TEXCOORD_0, 2);
  const indices = primitive.indices === undefined
    ? Uint32Array.from({ length: positions.length / 3 }, (_, i) => i) : indicesOf(json, body, primitive.indices);
  const material = json.materials?.[primitive.material];
  const texture = material?.pbrMetallicRoughness?.baseColorTexture?.index;
  const image = texture === undefined ? undefined : json.images[json.textures[texture].source];
  return { matrix, positions, uvs, indices, image: image?.bufferView === undefined ? null : imageOf(json, body, image) };
}

function viewOf(json, accessor) {
  const view = json.bufferViews[accessor.bufferView];
  if (!view || accessor.sparse) throw new Error('it uses sparse or empty accessors.');
  return { ...view, start: (view.byteOffset ?? 0) + (accessor.byteOffset ?? 0) };
}

function floats(json, body, index, components) {
  const accessor = json.accessors[index];
  if (accessor.componentType !== FLOAT) throw new Error('its positions are not floats.');
  const { start, byteStride = 4 * components } = viewOf(json, accessor);
  const data = new DataView(body);
  const values = new Float32Array(accessor.count * components);
  for (let i = 0; i < accessor.count; i++) {
    for (let c = 0; c < components; c++) values[i * components + c] = data.getFloat32(start + i * byteStride + 4 * c, true);
  }
  return values;
}

function indicesOf(json, body, index) {
  const accessor = json.accessors[index];
  const Type = INDEX_TYPES[accessor.componentType];
  const { start } = viewOf(json, accessor);
  return Uint32Array.from(new Type(body.slice(start, start + accessor.count * Type.BYTES_PER_ELEMENT)));
}

function imageOf(json, body, { bufferView, mimeType }) {
  const { byteOffset = 0, byteLength } = json.bufferViews[bufferView];
  return new Blob([body.slice(byteOffset, byteOffset + byteLength)], { type: mimeType });
}

function localMatrix({ matrix, translation: t = [0, 0, 0], rotation: [x, y, z, w] = [0, 0, 0, 1], scale: s = [1, 1, 1] }) {
  if (matrix) return matrix;
  return [
    s[0] * (1 - 2 * (y * y + z * z)), s[0] * 2 * (x * y + z * w), s[0] * 2 * (x * z - y * w), 0,
    s[1] * 2 * (x * y - z * w), s[1] * (1 - 2 * (x * x + z * z)), s[1] * 2 * (y * z + x * w), 0,
    s[2] * 2 * (x * z + y * w), s[2] * 2 * (y * z - x * w), s[2] * (1 - 2 * (x * x + y * y)), 0,
    t[0], t[1], t[2], 1,
  ];
}

/** Returns the product a b of two matrices in column order. */
export function multiply(a, b) {
  const product = new Array(16).fill(0);
  for (let column = 0; column < 4; column++) {
    for (let row = 0; row < 4; row++) {
      for (let k = 0; k < 4; k++) product[4 * column + row] += a[4 * k + row] * b[4 * column + k];
    }
  }
  return product;
}
