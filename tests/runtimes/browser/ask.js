/* Ask a runtime all cases: `load(bytes)` gives a function of (input, shape) that gives {name: numbers}. Answers and refusals go to the server. */

export async function ask(load) {
  const cases = await (await fetch("cases/cases.json")).json();
  for (const [name, { input_shape: shape }] of Object.entries(cases)) {
    try {
      await post(`answers/${name}`, await answer(await load(await bytes(`cases/${name}.tflite`)), await bytes(`cases/${name}.input`), shape));
    } catch (error) {
      await post(`refusals/${name}`, String(error));
    }
  }
  await post("done", "");
}

/* All outputs of each input one after another, the outputs in the order of their names. */
async function answer(run, inputs, shape) {
  const size = shape.reduce((a, b) => a * b);
  const numbers = new Float32Array(inputs.buffer);
  const outputs = [];
  for (let start = 0; start < numbers.length; start += size) {
    const found = await run(numbers.subarray(start, start + size), shape);
    for (const name of Object.keys(found).sort()) outputs.push(found[name]);
  }
  return new Blob(outputs);
}

async function bytes(path) {
  return new Uint8Array(await (await fetch(path)).arrayBuffer());
}

async function post(path, body) {
  await fetch(path, { method: "POST", body });
}
