// Runs the functions of `cases` at their points, and posts what they give.
const ARGUMENTS = ["", "point.x", "point.xy", "point.xyz", "point"];
const numbers = (text) =>
  new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
const letters = (array) =>
  btoa(Array.from(new Uint8Array(array.buffer), (byte) => String.fromCharCode(byte)).join(""));
const call = (one) => `inr(${ARGUMENTS[one.num_dims]})${", 0.0".repeat(4 - one.num_channels)}`;

function texture(gl, data) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, 1024, 1, 0, gl.RGBA, gl.FLOAT, data);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  return made;
}

function runGlsl(gl, one) {
  const head = "#version 300 es\nprecision highp float; precision highp int;\n";
  const corners = "in vec2 corner; void main() { gl_Position = vec4(corner, 0.0, 1.0); }";
  const main = `uniform highp sampler2D points; out vec4 value; void main() {
    vec4 point = texelFetch(points, ivec2(gl_FragCoord.xy), 0); value = vec4(${call(one)}); }`;
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, corners], [gl.FRAGMENT_SHADER, one.glsl + main]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, head + text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) {
      return "error: " + gl.getShaderInfoLog(shader);
    }
    gl.attachShader(program, shader);
  }
  gl.bindAttribLocation(program, 0, "corner");
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return "error: it does not link";
  gl.useProgram(program);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  const target = texture(gl, null);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, target, 0);
  texture(gl, numbers(one.points));
  gl.viewport(0, 0, 1024, 1);
  gl.drawArrays(gl.TRIANGLES, 0, 3);
  const read = new Float32Array(4096);
  gl.readPixels(0, 0, 1024, 1, gl.RGBA, gl.FLOAT, read);
  return letters(read);
}

async function runWgsl(device, one) {
  const code = `${one.wgsl}
@group(0) @binding(0) var<storage, read> points: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> values: array<vec4f>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  let point = points[id.x];
  values[id.x] = vec4f(${call(one)});
}`;
  const module = device.createShaderModule({ code });
  const messages = (await module.getCompilationInfo()).messages;
  const wrong = messages.find((message) => message.type === "error");
  if (wrong) return "error: " + wrong.message;
  const pipeline = await device.createComputePipelineAsync(
    { layout: "auto", compute: { module, entryPoint: "main" } });
  const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage;
  const [points, values, read] = [STORAGE | COPY_DST, STORAGE | COPY_SRC, MAP_READ | COPY_DST].map(
    (usage) => device.createBuffer({ size: 16384, usage }));
  device.queue.writeBuffer(points, 0, numbers(one.points));
  const encoder = device.createCommandEncoder(), pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0),
    entries: [points, values].map((buffer, binding) => ({ binding, resource: { buffer } })) }));
  pass.dispatchWorkgroups(16);
  pass.end();
  encoder.copyBufferToBuffer(values, 0, read, 0, 16384);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  return letters(new Float32Array(read.getMappedRange().slice(0)));
}

async function run() {
  const gl = document.createElement("canvas").getContext("webgl2");
  gl.getExtension("EXT_color_buffer_float");
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  const adapter = navigator.gpu && await navigator.gpu.requestAdapter();
  const device = adapter && await adapter.requestDevice();
  const answer = {};
  for (const [name, one] of Object.entries(cases)) {
    const wgsl = device ? await runWgsl(device, one) : "no WebGPU";
    answer[name] = { glsl: runGlsl(gl, one), wgsl };
  }
  return answer;
}

run().catch((error) => ({ error: String(error) })).then((answer) =>
  fetch("/answer", { method: "POST", body: JSON.stringify(answer) }));
