// The public WASI-NN guests (second-state/WasmEdge-WASINN-examples), unmodified: how each is run, and what must come of it on
// the built-in model. They are not part of this project: BITNET_WASINN_EXAMPLES names the folder with a clone of them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { builtIn, root } from './cli.mjs';

export const examples = process.env.BITNET_WASINN_EXAMPLES;

const prompt = 'Once upon a time';
const model = join(root, builtIn);
const text = String.raw`\S[^]*?`; // of the model: something, whatever it is
const tokens = String.raw`\[INFO\] llama_commit: "[^"]+"\n\[INFO\] llama_build_number: \d+\n\[INFO\] Number of input tokens: \d+\n`;
const counts = String.raw`\[INFO\] Number of input tokens: \d+\n\[INFO\] Number of output tokens: \d+\n`;
const answer = new RegExp(`^Prompt:\n${prompt}\nResponse:\n${tokens}${text}\n${counts}$`);
const unsupported = { status: 'fails', stderr: /Failed to build graph: BackendError\(UnsupportedOperation\)/ };
const otherEncoding = { status: 'fails', stderr: /InvalidEncoding|INVALID_ENCODING/ };
const vision = { args: ['default', prompt], env: { mmproj: 'mmproj.gguf', image: 'image.jpg' }, ...unsupported };

/// name: its .wasm, without the folders that all share. Of the others what is not named is: preload { default: the model },
/// args ['default', prompt], no env, no stdin, status 0; `stdout` and `stderr` must match. status 'fails': the guest panics or
/// exits, with whatever status its runtime makes of that. `until`: the guest asks for ever, and is ended when its output matches.
export const publicGuests = Object.entries({
  // What must work.
  'llama/wasmedge-ggml-llama': { env: { n_predict: '40' }, stdout: answer },
  'llama-stream/wasmedge-ggml-llama-stream': { stdout: answer },
  'basic/wasmedge-ggml-basic': { env: { n_predict: '40' }, stdout: new RegExp(`^Prompt:\n${prompt}\nResponse:\n${text}\n$`) },
  'embedding/wasmedge-ggml-llama-embedding': {
    stdout: /Raw Embedding Output:\n\{"n_embedding": ?256, ?"embedding": ?\[[^\]]+\]\}\n[^]*N_Embd: 256\n[^]*embd\[4\] = -?\d+(\.\d+)?(e-?\d+)?\n$/,
  },
  'test/unload/wasmedge-ggml-unload': {
    stdout: new RegExp([0, 1, 2, 3, 4].map((i) => `----- Test ${i} -----\nGraph Graph#${i} loaded.\nPrompt:\n${prompt}\nResponse:\n${text}\n`).join('')),
  },
  'test/set-input-twice/wasmedge-ggml-set-input-twice': { stdout: /(\[INFO\] Number of input tokens: \d+\n)\1$/ },
  'test/model-not-found/wasmedge-ggml-model-not-found': {
    preload: { default: 'model-not-found.gguf' }, args: ['default'], stdout: /^Model not found\n$/,
  },
  'test/phi-3/wasmedge-ggml-phi-3': { stdout: new RegExp(`^Graph Graph#0 loaded.\nPrompt:\n${prompt}\nResponse:\n${text}\n$`) },
  'nnrpc/wasmedge-ggml-nnrpc': { stdout: new RegExp(`^Prompt:\n${prompt}\n${tokens}Response:\n${text}\n${counts}$`) },
  'gemma/wasmedge-ggml-gemma': { stdout: new RegExp(`^Prompt:\n${prompt}\nResponse:\n${text}\n$`) },
  'chatml/wasmedge-ggml-chatml': { env: { reverse_prompt: '.' }, stdout: answer },
  'command-r/wasmedge-ggml-command-r': { stdout: answer },
  'gemma-4/wasmedge-ggml-gemma-4': { args: ['default', prompt], stdout: new RegExp(`${tokens}[^]*${counts}$`) }, // without an image

  // Its chat: two turns, then it waits for a third.
  'llama/wasmedge-ggml-llama, a chat': {
    args: ['default'], env: { n_predict: '16' }, stdin: 'Tell me a story.\nAnd then?\n',
    until: /(USER:\nASSISTANT:\n[^]*\n){2}USER:\n$/, stdout: new RegExp(`(USER:\nASSISTANT:\n${text}\n){2}USER:\n$`),
  },
  'llama-stream/wasmedge-ggml-llama-stream, a chat': {
    args: ['default'], stdin: 'Tell me a story.\nAnd then?\n',
    until: /(USER:\nASSISTANT:\n[^]*\n){2}USER:\n$/, stdout: new RegExp(`(USER:\nASSISTANT:\n${text}\n){2}USER:\n$`),
  },

  // What this host does not do: constrained decoding, images, speech. A guest that asks for it is told so.
  'grammar/wasmedge-ggml-grammar': unsupported,
  'json-schema/wasmedge-ggml-json-schema': unsupported,
  'gemma-3/wasmedge-ggml-gemma-3': vision,
  'gemma-3/wasmedge-ggml-gemma-3-base64': vision,
  'llava/wasmedge-ggml-llava': vision,
  'llava-base64-stream/wasmedge-ggml-llava-base64-stream': vision,
  'qwen2vl/wasmedge-ggml-qwen2vl': vision,
  'multimodel/wasmedge-ggml-multimodel': { ...vision, preload: { llava: model, llama2: model }, args: [prompt] },
  'tts/wasmedge-ggml-tts': { env: { tts_output_file: 'out.wav', model_vocoder: 'vocoder.gguf' }, ...unsupported },
  // Models of other kinds, given as bytes.
  'whisper/whisper-basic': { args: ['README.md', 'README.md'], ...otherEncoding },
  '../wasmedge-chatTTS/wasmedge-chattts': { args: [], ...otherEncoding },
  '../openvino-mobilenet-raw/wasmedge-wasinn-example-mobilenet': { args: ['README.md', 'README.md', 'README.md'], ...otherEncoding },
  '../tflite-birds_v1-image/wasmedge-wasinn-example-tflite-bird-image': { args: ['README.md', 'bird.jpg'], ...otherEncoding },
}).map(([name, guest]) => ({
  name, wasm: join('wasmedge-ggml', `${name.replace(/,.*/, '')}.wasm`), preload: { default: model }, args: ['default', prompt], env: {}, stdin: '', status: 0, ...guest,
}));

/// Why the guest cannot be run here, or false.
export function guestMissing({ wasm }) {
  if (!examples) return 'BITNET_WASINN_EXAMPLES names no folder with the public guests';
  return existsSync(join(examples, wasm)) ? false : `no ${wasm} in ${examples}`;
}

/// Runs one guest and checks it. `words({ preload, env, wasm, args })` makes the command line; it runs in the guest's folder, which
/// the guest sees as its own. `environment`: of the command, beside this process's.
export async function runGuest(guest, words, environment = {}) {
  const folder = join(examples, guest.wasm, '..');
  const [program, ...args] = words({
    preload: Object.entries(guest.preload).map(([name, path]) => `${name}:GGML:AUTO:${path}`),
    env: guest.env, wasm: join(examples, guest.wasm), args: guest.args,
  });
  const child = spawn(program, args, { cwd: folder, env: { ...process.env, ...environment } });
  const output = { stdout: '', stderr: '' };
  let ended = false;
  const limit = setTimeout(() => child.kill('SIGKILL'), 60_000);
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (data) => {
      output[stream] += data;
      if (stream === 'stdout' && guest.until?.test(output.stdout) && !ended) ended = child.kill('SIGKILL');
    });
  }
  child.stdin.on('error', () => {}); // a guest that does not read
  child.stdin[guest.until ? 'write' : 'end'](guest.stdin);
  const { status, signal } = await new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, name) => resolve({ status: code, signal: name }));
  });
  clearTimeout(limit);

  const told = `${program} ${args.join(' ')}\nstatus ${status ?? signal}\n${output.stdout}\n${output.stderr}`;
  if (guest.until) assert.ok(ended, `never asked again: ${told}`);
  else if (guest.status === 'fails') assert.ok(status !== 0 && status !== null || signal === 'SIGABRT', told);
  else assert.equal(status, guest.status, told);
  for (const stream of ['stdout', 'stderr']) {
    if (guest[stream]) assert.match(output[stream].replaceAll('\r', ''), guest[stream], told);
  }
  return output;
}
