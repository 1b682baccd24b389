// The page's elements and what is drawn into them. Text goes in as text, never as markup.
import type { ModelInfo, Progress } from "../index.js";
import { explain } from "./advice.js";

export function get<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`no element ${id}`);
  return element as T;
}
export const button = (id: string) => get<HTMLButtonElement>(id);

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = "",
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

export const megabytes = (bytes: number) =>
  bytes >= 1e9
    ? `${(bytes / 1e9).toFixed(2)} GB`
    : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

const scroller = document.querySelector("main")!;

/** Follow new text only while the reader is at the end. */
function keepAtEnd(change: () => void): void {
  const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 48;
  change();
  if (atEnd) scroller.scrollTop = scroller.scrollHeight;
}

export interface Answer {
  append(text: string): void;
  end(meta: string): void;
  remove(): void;
}

export function addMessage(role: "user" | "assistant", text: string): Answer {
  get("welcome").hidden = true;
  const body = make("span", "body", text);
  const message = make("div", `message ${role}${role === "assistant" ? " pending" : ""}`);
  message.append(make("span", "unseen", role === "user" ? "You: " : "Model: "), body);
  get("log").append(message);
  scroller.scrollTop = scroller.scrollHeight;
  get("log").setAttribute("aria-busy", String(role === "assistant")); // read out once it is whole
  return {
    append: (piece) => keepAtEnd(() => body.append(piece)),
    end: (meta) =>
      keepAtEnd(() => {
        message.classList.remove("pending");
        message.append(make("span", "meta", meta));
        get("log").setAttribute("aria-busy", "false");
      }),
    remove: () => message.remove(),
  };
}

export function clearLog(): void {
  get("log").replaceChildren();
  get("welcome").hidden = false;
}

export function showSuggestions(texts: string[], choose: (text: string) => void): void {
  get("suggestions").replaceChildren(
    ...texts.map((text) => {
      const suggestion = make("button", "quiet", text);
      suggestion.type = "button";
      suggestion.addEventListener("click", () => choose(text));
      return suggestion;
    }),
  );
}

export function showError(error: unknown): void {
  const { title, advice } = explain(error);
  get("notice-title").textContent = title;
  get("notice-advice").textContent = advice;
  get("notice").hidden = false;
}
export function hideError(): void {
  get("notice").hidden = true;
}

export function showProgress(name: string, progress?: Progress): void {
  get("loading").hidden = progress === undefined;
  if (progress === undefined) return;
  const { loaded, total } = progress;
  const bar = get<HTMLProgressElement>("progress");
  if (total > 0) bar.value = loaded / total;
  else bar.removeAttribute("value");
  const amount = total > 0 ? `: ${megabytes(loaded)} of ${megabytes(total)}` : "";
  get("loading-text").textContent = `Loading ${name}${amount}`;
}

export function showDetails(info: ModelInfo | undefined, memory: string): void {
  const rows: [string, string][] =
    info === undefined
      ? [["Loaded", "none"]]
      : [
          ["Name", info.name || "unnamed"],
          [
            "Size",
            `${(info.parameters / 1e6).toFixed(1)} million parameters, ${megabytes(info.fileBytes)} as ${info.weightType}`,
          ],
          ["Context", `${info.sessionContext} tokens`],
          ["Memory", memory],
          [
            "Runs on",
            `${info.threads} ${info.threads === 1 ? "thread" : "threads"}, ${info.isa} (${info.flavour})`,
          ],
          ...(info.hint === "" ? [] : [["Faster if", info.hint] as [string, string]]),
        ];
  get("details").replaceChildren(
    ...rows.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]),
  );
  get("model-name").textContent = info === undefined ? "Model" : info.name || "Model";
}
