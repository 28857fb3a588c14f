// Shows a mesh that the user can turn, with WebGL 2 and one light at the camera.

import { multiply } from './glb.js';

const VERTEX_SHADER = `#version 300 es
uniform mat4 view_from_object, clip_from_view;
in vec3 position;
in vec2 uv;
out vec3 position_view;
out vec2 texel;
void main() {
  vec4 at = view_from_object * vec4(position, 1.0);
  position_view = at.xyz;
  texel = uv;
  gl_Position = clip_from_view * at;
}`;

// Flat face normals suffice for this weak light.
const FRAGMENT_SHADER = `#version 300 es
precision highp float;
uniform sampler2D colors;
in vec3 position_view;
in vec2 texel;
out vec4 color;
void main() {
  vec3 normal = normalize(cross(dFdx(position_view), dFdy(position_view)));
  float light = 0.7 + 0.3 * abs(dot(normal, normalize(position_view)));
  color = vec4(texture(colors, texel).rgb * light, 1.0);
}`;

const VERTICAL_FOV = Math.PI / 5;
const TURN_PER_PIXEL = 0.008;
const TURN_PER_KEY = 0.1;
const STEEPEST = 1.55;

export class Viewer {
  #gl;
  #program;
  #parts = [];
  #azimuth = 0.5;
  #elevation = 0.3;
  #distance = 1;
  #radius = 1;
  #center = [0, 0, 0];

  constructor(canvas) {
    const gl = canvas.getContext('webgl2', { antialias: true });
    if (!gl) throw new Error('This browser has no WebGL 2.');
    this.#gl = gl;
    this.#program = link(gl);
    gl.enable(gl.DEPTH_TEST);
    new ResizeObserver(() => this.#draw()).observe(canvas);
    this.#listen(canvas);
    this.#draw();
  }

  /** Shows the primitives of `readGlb`. */
  async show(primitives) {
    const images = await Promise.all(primitives.map(({ image }) => image && createImageBitmap(image)));
    this.#clear();
    this.#parts = primitives.map((primitive, i) => this.#upload(primitive, images[i]));
    this.#frame(primitives);
    this.#draw();
  }

  #listen(canvas) {
    canvas.addEventListener('pointerdown', (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener('pointermove', (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) {
        this.#turn(-event.movementX * TURN_PER_PIXEL, event.movementY * TURN_PER_PIXEL);
      }
    });
    canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      this.#distance *= Math.exp(event.deltaY * 0.001);
      this.#distance = Math.min(Math.max(this.#distance, 1.1 * this.#radius), 20 * this.#radius);
      this.#draw();
    }, { passive: false });
    canvas.addEventListener('keydown', (event) => {
      const turns = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      const turn = turns[event.key];
      if (!turn) return;
      event.preventDefault();
      this.#turn(turn[0] * TURN_PER_KEY, turn[1] * TURN_PER_KEY);
    });
  }

  #turn(azimuth, elevation) {
    this.#azimuth += azimuth;
    this.#elevation = Math.min(Math.max(this.#elevation + elevation, -STEEPEST), STEEPEST);
    this.#draw();
  }

  #clear() {
    for (const part of this.#parts) {
      this.#gl.deleteVertexArray(part.vertices);
      part.buffers.forEach((buffer) => this.#gl.deleteBuffer(buffer));
      this.#gl.deleteTexture(part.texture);
    }
  }

  #upload({ matrix, positions, uvs, indices }, image) {
    const gl = this.#gl;
    const vertices = gl.createVertexArray();
    gl.bindVertexArray(vertices);
    const buffers = [];
    const upload = (target, data) => {
      buffers.push(gl.createBuffer());
      gl.bindBuffer(target, buffers.at(-1));
      gl.bufferData(target, data, gl.STATIC_DRAW);
    };
    const attribute = (name, data, components) => {
      upload(gl.ARRAY_BUFFER, data);
      const location = gl.getAttribLocation(this.#program, name);
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, components, gl.FLOAT, false, 0, 0);
    };
    attribute('position', positions, 3);
    if (uvs) attribute('uv', uvs, 2);
    upload(gl.ELEMENT_ARRAY_BUFFER, indices);
    return { matrix, vertices, buffers, count: indices.length, texture: this.#texture(image) };
  }

  #texture(image) {
    const gl = this.#gl;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    const gray = new Uint8Array([190, 190, 190, 255]);
    if (image) gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
    else gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 1, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, gray);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    return texture;
  }

  /** Places the camera so that everything is visible. */
  #frame(primitives) {
    const low = [Infinity, Infinity, Infinity];
    const high = [-Infinity, -Infinity, -Infinity];
    for (const { matrix: m, positions: p, indices } of primitives) {
      for (const i of indices) {
        for (let row = 0; row < 3; row++) {
          const value = m[row] * p[3 * i] + m[4 + row] * p[3 * i + 1] + m[8 + row] * p[3 * i + 2] + m[12 + row];
          low[row] = Math.min(low[row], value);
          high[row] = Math.max(high[row], value);
        }
      }
    }
    this.#center = low.map((value, axis) => (value + high[axis]) / 2);
    this.#radius = Math.hypot(...low.map((value, axis) => high[axis] - value)) / 2 || 1;
    this.#distance = this.#radius / Math.sin(VERTICAL_FOV / 2);
  }

  #draw() {
    const gl = this.#gl;
    const { canvas } = gl;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio));
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0.205, 0.215, 0.235, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.useProgram(this.#program);
    const location = (name) => gl.getUniformLocation(this.#program, name);
    const near = Math.max(this.#distance - 1.01 * this.#radius, 0.01 * this.#radius);
    const far = this.#distance + 1.01 * this.#radius;
    gl.uniformMatrix4fv(location('clip_from_view'), false, perspective(canvas.width / canvas.height, near, far));
    const viewFromWorld = orbit(this.#azimuth, this.#elevation, this.#distance, this.#center);
    for (const { matrix, vertices, count, texture } of this.#parts) {
      gl.uniformMatrix4fv(location('view_from_object'), false, multiply(viewFromWorld, matrix));
      gl.bindVertexArray(vertices);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0);
    }
  }
}

function link(gl) {
  const program = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX_SHADER], [gl.FRAGMENT_SHADER, FRAGMENT_SHADER]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  return program;
}

/** Returns view from world. y is up in the world; at azimuth 0 the camera looks along -z. */
function orbit(azimuth, elevation, distance, [x, y, z]) {
  const [ca, sa] = [Math.cos(azimuth), Math.sin(azimuth)];
  const [ce, se] = [Math.cos(elevation), Math.sin(elevation)];
  const rotation = [ca, -se * sa, ce * sa, 0, 0, ce, se, 0, -sa, -se * ca, ce * ca, 0, 0, 0, -distance, 1];
  return multiply(rotation, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, -x, -y, -z, 1]);
}

/** Returns clip from view. z is -1 at `near` and 1 at `far`. */
function perspective(aspect, near, far) {
  // The field of view applies to the narrower side.
  const y = Math.min(1, aspect) / Math.tan(VERTICAL_FOV / 2);
  return [y / aspect, 0, 0, 0, 0, y, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, 2 * far * near / (near - far), 0];
}
