// The chat page: one model, one conversation.
import {
  BitNet,
  BitNetError,
  type ChatMessage,
  type Generation,
  type GenerationResult,
  type Model,
  type ModelSource,
} from "../index.js";
import {
  addMessage,
  button,
  clearLog,
  get,
  hideError,
  megabytes,
  showDetails,
  showError,
  showProgress,
  showSuggestions,
} from "./view.js";

const suggestions = [
  "Tell me a story about a rabbit.",
  "Tell me a story about a brave mouse.",
  "What is the opposite of hot?",
  "What does a cow say?",
];
/** Above this, two models at once could be too much: the old one goes first. */
const largeModel = 256e6;

const input = get<HTMLTextAreaElement>("input");
const models = get<HTMLDialogElement>("models");
const status = get("status");

let model: Model | undefined;
let loading: AbortController | undefined;
let generating: AbortController | undefined;
const conversation: ChatMessage[] = [];

function update(): void {
  button("send").hidden = generating !== undefined;
  button("stop").hidden = generating === undefined;
  button("send").disabled = model === undefined || input.value.trim() === "";
  button("new-chat").disabled = conversation.length === 0;
  for (const suggestion of get("suggestions").querySelectorAll("button"))
    suggestion.disabled = model === undefined;
}

async function memoryText(of: Model): Promise<string> {
  const { wasmBytes, sessionBytes } = await of.memory();
  return `${megabytes(wasmBytes)} in all, ${megabytes(sessionBytes)} of it for the conversation`;
}

function newChat(): void {
  generating?.abort();
  conversation.length = 0;
  clearLog();
  hideError();
  update();
  input.focus();
}

async function load(source: ModelSource | undefined, name: string): Promise<void> {
  loading?.abort();
  generating?.abort();
  const mine = (loading = new AbortController());
  models.close();
  hideError();
  showProgress(name, { phase: "start", loaded: 0, total: 0 });
  if (model !== undefined && model.info.weightBytes > largeModel) {
    void model.dispose();
    model = undefined;
  }
  update();
  try {
    const loaded = await BitNet.load(source, {
      signal: mine.signal,
      onProgress: (progress) => loading === mine && showProgress(name, progress),
    });
    void model?.dispose();
    model = loaded;
    newChat();
    showDetails(model.info, await memoryText(model));
    status.textContent = `Ready, ${megabytes((await model.memory()).wasmBytes)} of memory`;
    showSuggestions(source === undefined ? suggestions : [], (text) => void send(text));
  } catch (error) {
    if (!(error instanceof BitNetError && error.code === "Aborted")) showError(error);
    if (model === undefined) showDetails(undefined, "");
  } finally {
    if (loading === mine) {
      loading = undefined;
      showProgress(name);
    }
    update();
  }
}

/** A model without a known chat template goes on writing the text instead. */
function answer(of: Model, text: string, signal: AbortSignal): Generation {
  const chats = !["none", "unknown", ""].includes(of.info.chatTemplate);
  return chats
    ? of.chat(conversation, { signal })
    : of.generate(text, { signal, temperature: 0.7, topP: 0.95, topK: 40 });
}

const endings: Partial<Record<GenerationResult["finishReason"], string>> = {
  context: ", the context is full: start a new chat",
  length: ", cut at the length limit",
};

async function send(text: string): Promise<void> {
  if (model === undefined || generating !== undefined || text.trim() === "") return;
  const using = model;
  const mine = (generating = new AbortController());
  hideError();
  addMessage("user", text);
  conversation.push({ role: "user", content: text });
  input.value = "";
  fitInput();
  update();
  const shown = addMessage("assistant", "");
  const generation = answer(using, text, mine.signal);
  let told = "";
  const speed = () =>
    `${generation.stats.tokens} tokens, ${generation.stats.tokensPerSecond.toFixed(0)} per second`;
  try {
    for await (const piece of generation) {
      told += piece;
      shown.append(piece);
      status.textContent = speed();
    }
    shown.end(speed() + (endings[(await generation.result).finishReason] ?? ""));
  } catch (error) {
    const stopped =
      error instanceof BitNetError && (error.code === "Aborted" || error.code === "Disposed");
    if (told === "" && !stopped) {
      shown.remove();
      conversation.pop(); // unanswered: the next try must not hold it twice
    } else shown.end(`${speed()}, stopped`);
    if (!stopped) showError(error);
  }
  if (conversation.at(-1)?.content === text && told !== "")
    conversation.push({ role: "assistant", content: told });
  generating = undefined;
  update();
  if (model !== using) return;
  const memory = await using.memory().catch(() => undefined); // another model may have come meanwhile
  const { promptTokens, tokens } = generation.stats;
  if (memory) {
    status.textContent =
      `${megabytes(memory.wasmBytes)} of memory, ` +
      `${promptTokens + tokens} of ${using.info.sessionContext} tokens used`;
  }
}

/** For browsers without field-sizing. */
function fitInput(): void {
  if (CSS.supports("field-sizing", "content")) return;
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`;
}

function loadFile(file: File | null | undefined): void {
  if (file) void load(file, file.name);
}

function listen(): void {
  get("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    void send(input.value);
  });
  input.addEventListener("input", () => {
    fitInput();
    update();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void send(input.value);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !models.open) generating?.abort();
  });
  button("stop").addEventListener("click", () => {
    generating?.abort();
    input.focus();
  });
  button("new-chat").addEventListener("click", newChat);
  button("cancel-load").addEventListener("click", () => loading?.abort());
  button("dismiss").addEventListener("click", hideError);
  button("open-models").addEventListener("click", () => models.showModal());
  button("close-models").addEventListener("click", () => models.close());
  button("built-in").addEventListener("click", () => void load(undefined, "the story model"));
  const file = get<HTMLInputElement>("file");
  file.addEventListener("change", () => {
    loadFile(file.files?.[0]);
    file.value = ""; // the same file can be chosen again
  });
  get("from-url").addEventListener("submit", (event) => {
    event.preventDefault();
    const url = get<HTMLInputElement>("url").value.trim();
    void load(url, url.split("/").at(-1) || url);
  });
}

function listenForDrops(): void {
  const target = get("drop-here");
  const holdsFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragover", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    target.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) target.hidden = true; // left the window
  });
  document.addEventListener("drop", (event) => {
    target.hidden = true;
    if (!holdsFile(event)) return;
    event.preventDefault();
    loadFile(event.dataTransfer?.files[0]);
  });
}

listen();
listenForDrops();
showSuggestions(suggestions, (text) => void send(text));
update();
void load(undefined, "the story model");
