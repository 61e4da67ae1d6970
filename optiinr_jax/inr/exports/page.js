// The network as a WebGL 2 function, and three ways to show it: in planes, as a solid, as a curve.
const canvas = document.getElementById("shown");
const code = document.getElementById("inr").textContent;
document.getElementById("code").textContent = code;
const HEAD = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
`;
const CORNERS = HEAD + "in vec2 corner; void main() { gl_Position = vec4(corner, 0.0, 1.0); }";
const WEIGHTS = `
uniform sampler2D inr_weights;
vec4 inr_weight(int i) { return texelFetch(inr_weights, ivec2(i & 1023, i >> 10), 0); }
`;

// The function at a `vec4 point`, of which the first coordinates count, as a vector of four.
const VALUE = `vec4(inr(point${["", ".x", ".xy", ".xyz", ""][facts.num_dims]})${
  ", 0.0".repeat(4 - facts.num_channels)})`;

function start() {
  const surface = facts.drawing === "curve" ? document.createElement("canvas") : canvas;
  const gl = surface.getContext("webgl2", { preserveDrawingBuffer: true, antialias: false });
  if (!gl) throw new Error("this browser has no WebGL 2, which draws the page; try another one.");
  const bytes = Uint8Array.from(atob(facts.weights), (letter) => letter.charCodeAt(0));
  gl.activeTexture(gl.TEXTURE0);
  texture(gl, new Float32Array(bytes.buffer));
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
  return gl;
}

// Vectors of four numbers as a texture of 1024 columns, at the active unit.
function texture(gl, numbers) {
  const rows = Math.max(1, Math.ceil(numbers.length / 4096));
  const padded = new Float32Array(4096 * rows);
  padded.set(numbers);
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, 1024, rows, 0, gl.RGBA, gl.FLOAT, padded);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  return [made, rows];
}

function program(gl, body) {
  const made = gl.createProgram();
  const parts = [[gl.VERTEX_SHADER, CORNERS], [gl.FRAGMENT_SHADER, HEAD + WEIGHTS + code + body]];
  for (const [kind, text] of parts) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) {
      throw new Error("the shader does not compile: " + gl.getShaderInfoLog(shader));
    }
    gl.attachShader(made, shader);
  }
  gl.bindAttribLocation(made, 0, "corner");
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  gl.useProgram(made);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  return (name) => gl.getUniformLocation(made, name);
}

// Values at coordinates, both as flat arrays: what `predict` gives.
function valuesAt(gl, coords) {
  if (!gl.getExtension("EXT_color_buffer_float")) {
    throw new Error("this browser cannot draw into textures of floats; try another one.");
  }
  const count = coords.length / facts.num_dims, points = new Float32Array(4 * count);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < facts.num_dims; k++) points[4 * i + k] = coords[facts.num_dims * i + k];
  }
  const at = program(gl, `
uniform sampler2D points;
out vec4 value;
void main() {
  vec4 point = texelFetch(points, ivec2(gl_FragCoord.xy), 0);
  value = ${VALUE};
}`);
  gl.activeTexture(gl.TEXTURE2);
  const [target, rows] = texture(gl, new Float32Array(4 * count));
  const frame = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, target, 0);
  gl.activeTexture(gl.TEXTURE1);
  const [source] = texture(gl, points);
  gl.uniform1i(at("points"), 1);
  gl.disable(gl.SCISSOR_TEST); // a picture is drawn in tiles
  gl.viewport(0, 0, 1024, rows);
  gl.drawArrays(gl.TRIANGLES, 0, 3);
  const read = new Float32Array(4096 * rows), values = new Float32Array(facts.num_channels * count);
  gl.readPixels(0, 0, 1024, rows, gl.RGBA, gl.FLOAT, read);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < facts.num_channels; k++) {
      values[facts.num_channels * i + k] = read[4 * i + k];
    }
  }
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  gl.deleteFramebuffer(frame);
  [target, source].forEach((one) => gl.deleteTexture(one));
  return values;
}

// Draw tile by tile, so that a slow processor never stops the page; a new call drops the old one.
let drawing = 0;
function drawTiles(gl) {
  const own = ++drawing, side = 64, pixel = new Uint8Array(4);
  const tiles = [];
  for (let y = 0; y < canvas.height; y += side) {
    for (let x = 0; x < canvas.width; x += side) tiles.push([x, y]);
  }
  gl.viewport(0, 0, canvas.width, canvas.height);
  gl.enable(gl.SCISSOR_TEST);
  canvas.dataset.state = "drawing";
  const next = () => {
    if (own !== drawing) return;
    for (const start = performance.now(); tiles.length && performance.now() - start < 30;) {
      gl.scissor(...tiles.shift(), side, side);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel); // waits until it is drawn
    }
    if (tiles.length) requestAnimationFrame(next);
    else canvas.dataset.state = "done";
  };
  next();
}

// A plane of the signal; sliders move the coordinates that it does not span, and time runs.
function showPlanes(gl) {
  const at = program(gl, `
uniform vec4 fixed_, down, right; // a point of the plane, and its two axes
uniform vec2 corner, step_; // row and column, of the upper left pixel
uniform float height, low, high;
out vec4 color;
void main() {
  vec2 place = corner + vec2(height - gl_FragCoord.y, gl_FragCoord.x) * step_;
  vec4 point = fixed_ + place.x * down + place.y * right;
  vec4 value = (${VALUE} - low) / (high - low);
  color = vec4(${facts.colours ? "value.xyz" : "value.xxx"}, 1.0);
}`);
  // [-1, 1] runs from the centre of the first sample of an axis to that of the last one.
  const reach = facts.shape.map((n) => (n > 1 ? 2 * n / (n - 1) : 2));
  const where = facts.shape.map((n) => n >> 1); // along the axes that are not drawn, in samples
  if (facts.time !== null) where[facts.time] = 0;
  let plane = facts.planes[0], whole, middle, zoom;
  const unit = (axis) => [0, 1, 2, 3].map((k) => (k === axis ? 1 : 0));
  const draw = () => {
    const span = whole.map((side) => side / zoom);
    const fixed = [0, 1, 2, 3].map((k) => (k < facts.num_dims && !plane.axes.includes(k)
      ? 2 * where[k] / Math.max(facts.shape[k] - 1, 1) - 1 : 0));
    gl.uniform4f(at("fixed_"), ...fixed);
    gl.uniform4f(at("down"), ...unit(plane.axes[0]));
    gl.uniform4f(at("right"), ...unit(plane.axes[1]));
    gl.uniform2f(at("corner"), middle[0] - span[0] / 2, middle[1] - span[1] / 2);
    gl.uniform2f(at("step_"), span[0] / canvas.height, span[1] / canvas.width);
    gl.uniform1f(at("height"), canvas.height);
    gl.uniform1f(at("low"), facts.low);
    gl.uniform1f(at("high"), facts.high);
    drawTiles(gl);
  };
  const wholePlane = () => { middle = [0, 0]; zoom = 1; draw(); };
  const controls = document.getElementById("controls");
  const sliders = facts.shape.map((n, axis) => {
    if (facts.num_dims === 2) return null;
    const slider = Object.assign(document.createElement("input"),
      { type: "range", min: 0, max: n - 1, step: "any", value: where[axis] });
    slider.addEventListener("input", () => { where[axis] = +slider.value; draw(); });
    const label = document.createElement("label");
    label.append(facts.axes[axis], " ", slider, " ");
    controls.append(label);
    return slider;
  });
  const choose = (chosen) => {
    plane = chosen;
    whole = plane.axes.map((axis) => reach[axis]);
    [canvas.width, canvas.height] = plane.size;
    canvas.style.aspectRatio = `${plane.size[0]} / ${plane.size[1]}`;
    canvas.style.width = `min(100%, ${plane.size[0]}px)`;
    sliders.forEach((slider, axis) => {
      if (slider) slider.parentNode.hidden = plane.axes.includes(axis);
    });
    wholePlane();
  };
  if (facts.planes.length > 1) {
    const menu = document.createElement("select");
    facts.planes.forEach(({ label }) => menu.add(new Option(label)));
    menu.setAttribute("aria-label", "plane");
    menu.addEventListener("change", () => choose(facts.planes[menu.selectedIndex]));
    controls.prepend(menu, " ");
  }
  if (facts.time !== null) playButton((seconds) => {
    const count = facts.shape[facts.time];
    where[facts.time] = (where[facts.time] + seconds * facts.frame_rate) % count;
    sliders[facts.time].value = where[facts.time];
    draw();
  });
  const moveBy = (rows, columns) => {
    middle = [rows, columns].map((part, k) => middle[k] + part * whole[k] / zoom);
    draw();
  };
  onDrag((dx, dy) => moveBy(-dy, -dx));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = canvas.getBoundingClientRect(), factor = Math.exp(-event.deltaY / 400);
    const place = [(event.clientY - box.top) / box.height - 0.5,
      (event.clientX - box.left) / box.width - 0.5];
    const newer = Math.min(Math.max(zoom * factor, 0.5), 1000);
    middle = middle.map((m, k) => m + place[k] * whole[k] * (1 / zoom - 1 / newer));
    zoom = newer;
    draw();
  }, { passive: false });
  canvas.addEventListener("dblclick", wholePlane);
  choose(plane);
}

// A button that lets time run: `move` gets the seconds since it was called last, and draws.
function playButton(move) {
  const button = document.createElement("button");
  button.textContent = "Play";
  document.getElementById("controls").prepend(button, " ");
  let last = null;
  const next = () => {
    if (last === null) return;
    if (canvas.dataset.state === "done") { // a slow processor shows fewer frames, none of them late
      const now = performance.now();
      move((now - last) / 1000);
      last = now;
    }
    requestAnimationFrame(next);
  };
  button.addEventListener("click", () => {
    last = last === null ? performance.now() : null;
    button.textContent = last === null ? "Play" : "Stop";
    next();
  });
}

function showSolid(gl) {
  const sides = facts.sides;
  const at = program(gl, `
uniform vec3 right, up, eye;
uniform float scale;
uniform vec2 size;
out vec4 color;
const vec3 sides = vec3(${sides.map((x) => x.toFixed(6)).join(", ")});
const int count = ${facts.num_steps};
float inside(vec3 p) { return inr(p / sides) - 0.5; }
void main() {
  vec2 place = (gl_FragCoord.xy - 0.5 * size) * scale;
  vec3 from = place.x * right + place.y * up + 4.0 * eye, way = -eye;
  vec3 a = (-sides - from) / way, b = (sides - from) / way;
  vec3 low = min(a, b), high = max(a, b);
  float near = max(max(low.x, low.y), low.z), far = min(min(high.x, high.y), high.z);
  color = vec4(0.93, 0.94, 0.96, 1.0);
  if (near >= far) return;
  float stride = 2.0 * length(sides) / float(count), t = near, before = near;
  bool hit = false;
  for (int i = 0; i < count; i++) {
    if (inside(from + t * way) > 0.0) { hit = true; break; }
    if (t >= far) break;
    before = t;
    t = min(t + stride, far);
  }
  if (!hit) return;
  for (int i = 0; i < 8; i++) {
    float middle = 0.5 * (before + t);
    if (inside(from + middle * way) > 0.0) t = middle; else before = middle;
  }
  vec3 p = from + t * way, normal = vec3(0.0);
  if (t > near) {
    for (int k = 0; k < 3; k++) {
      vec3 e = vec3(0.0);
      e[k] = ${facts.spacing.toFixed(6)};
      normal[k] = inside(p - e) - inside(p + e);
    }
  } else { // where the box cuts the solid
    vec3 edge = abs(abs(p) - sides);
    int k = edge.x < edge.y ? (edge.x < edge.z ? 0 : 2) : (edge.y < edge.z ? 1 : 2);
    normal[k] = sign(p[k]);
  }
  float light = dot(normalize(normal + 1e-9), normalize(eye + 0.6 * up - 0.4 * right));
  color = vec4(vec3(0.30, 0.47, 0.68) * (0.35 + 0.75 * max(light, 0.0)), 1.0);
}`);
  let around = 0.6, above = 0.5, zoom = 1;
  const draw = () => {
    const [c, s, cc, ss] = [Math.cos(around), Math.sin(around), Math.cos(above), Math.sin(above)];
    gl.uniform3f(at("eye"), cc * c, cc * s, ss);
    gl.uniform3f(at("right"), -s, c, 0);
    gl.uniform3f(at("up"), -ss * c, -ss * s, cc);
    gl.uniform2f(at("size"), canvas.width, canvas.height);
    gl.uniform1f(at("scale"), 2.2 * Math.hypot(...sides) / canvas.height / zoom);
    drawTiles(gl);
  };
  onDrag((dx, dy) => {
    around -= 4 * dx;
    above = Math.max(-1.57, Math.min(1.57, above + 4 * dy));
    draw();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom = Math.min(Math.max(zoom * Math.exp(-event.deltaY / 400), 0.3), 30);
    draw();
  }, { passive: false });
  draw();
}

function showCurve(gl) {
  const is_sound = facts.sample_rate !== null, channels = facts.num_channels;
  const count = is_sound ? facts.shape[0] : Math.max(facts.shape[0], canvas.width);
  const coords = Float32Array.from({ length: count }, (_, i) => count > 1 ? 2 * i / (count - 1) - 1 : 0);
  const samples = new Float32Array(count * channels), part = 1 << 18;
  for (let i = 0; i < count; i += part) {
    samples.set(valuesAt(gl, coords.subarray(i, i + part)), i * channels);
  }
  const paper = canvas.getContext("2d"), height = canvas.height / channels;
  paper.fillStyle = "#7fb2e5";
  for (let c = 0; c < channels; c++) {
    for (let x = 0; x < canvas.width; x++) {
      const first = Math.floor(x * count / canvas.width);
      const last = Math.max(first + 1, Math.ceil((x + 1) * count / canvas.width));
      let low = Infinity, high = -Infinity;
      for (let i = first; i < Math.min(last + 1, count); i++) {
        low = Math.min(low, samples[i * channels + c]);
        high = Math.max(high, samples[i * channels + c]);
      }
      const [top, bottom] = [high, low].map(
        (value) => (facts.high - value) / (facts.high - facts.low) * height + c * height);
      paper.fillRect(x, top, 1, Math.max(1, bottom - top));
    }
  }
  if (is_sound) playSound(samples);
  canvas.dataset.state = "done";
}

function playSound(samples) {
  const channels = facts.num_channels;
  const button = document.createElement("button");
  button.textContent = "Play";
  document.getElementById("controls").prepend(button, " ");
  let source = null;
  button.addEventListener("click", () => {
    if (source) { source.stop(); return; }
    const context = new AudioContext();
    const buffer = context.createBuffer(channels, samples.length / channels, facts.sample_rate);
    for (let c = 0; c < channels; c++) {
      buffer.copyToChannel(samples.filter((_, i) => i % channels === c), c);
    }
    source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.onended = () => { source = null; button.textContent = "Play"; context.close(); };
    source.start();
    button.textContent = "Stop";
  });
}

// Calls with how far the pointer was dragged, in parts of the canvas.
function onDrag(moved) {
  let last = null;
  canvas.addEventListener("pointerdown", (event) => {
    last = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const box = canvas.getBoundingClientRect();
    moved((event.clientX - last[0]) / box.width, (event.clientY - last[1]) / box.height);
    last = [event.clientX, event.clientY];
  });
  canvas.addEventListener("pointerup", () => { last = null; });
}

let context = null;
try {
  context = start();
  ({ plane: showPlanes, solid: showSolid, curve: showCurve })[facts.drawing](context);
} catch (error) {
  document.getElementById("problem").textContent = error.message;
  canvas.dataset.state = "failed";
}
