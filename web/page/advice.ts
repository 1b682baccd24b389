// Errors as people read them: what happened, and what to do next.
import { BitNetError, type BitNetErrorCode } from "../index.js";

const nextSteps: Partial<Record<BitNetErrorCode, string>> = {
  NotGguf: "Choose a file that ends in .gguf.",
  Truncated: "The download was probably cut short: fetch the file again.",
  Malformed: "Fetch the file again, or try another one.",
  UnsupportedVersion: "Convert the model again with a current tool.",
  UnsupportedType: "Choose a ternary model: I2_S, TQ1_0 or TQ2_0.",
  UnsupportedArchitecture: "Choose a BitNet model.",
  UnsupportedTokenizer: "Choose a BitNet model with its original tokenizer.",
  BadWeights: "The file is damaged or not ternary: fetch it again, or try another one.",
  OutOfMemory: "Close other tabs, or choose a smaller model.",
  Http: "Check the address.",
  Io: "Check the address and your connection. The server must also allow other pages to read the file (CORS).",
  NotFound: "Check the address.",
  ContextFull: "The conversation is longer than the model can read. Start a new chat.",
  WorkerFailed: "Reload the page; if it happens again, choose a smaller model.",
  SelfTestFailed: "This browser computes wrong results: update it, or use another one.",
  NotSupported: "Use a current version of Chrome, Edge or Firefox.",
  InvalidOption: "Check what you entered.",
};

export function explain(error: unknown): { title: string; advice: string } {
  if (!(error instanceof BitNetError))
    return { title: `Something went wrong: ${String(error)}.`, advice: "Reload the page." };
  const sentence = error.message.charAt(0).toUpperCase() + error.message.slice(1);
  return {
    title: `${sentence.replace(/\.$/, "")}.`,
    advice: nextSteps[error.code] ?? "Try another model.",
  };
}
