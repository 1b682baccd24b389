// The next step after each failure, as a sentence for whoever meets it.
import type { BitNetErrorCode } from "./errors.js";

export const advice: Readonly<Record<BitNetErrorCode, string>> = {
  InvalidArgument: "Give a value inside the range that the message names.",
  InvalidState: "Call this when nothing else is under way on the same object.",
  OutOfMemory:
    "Close other tabs, choose a smaller model, or load with a smaller context or kvType f16.",
  Io: "Check the address and your connection, and load again: it goes on where it stopped. The server must also allow other pages to read the file (CORS).",
  NotFound: "Check the address.",
  Aborted: "Nothing: this was asked for. The model is ready for the next call.",
  NotGguf: "Choose a file that ends in .gguf.",
  UnsupportedVersion: "Convert the model again with a current tool.",
  Truncated: "The download was probably cut short: fetch the file again.",
  Malformed: "Fetch the file again, or try another one.",
  LimitExceeded: "Ask for less, or try another file.",
  UnsupportedType: "Choose a ternary model: I2_S, TQ1_0 or TQ2_0.",
  UnsupportedArchitecture: "Choose a BitNet model.",
  MissingKey: "The file is not complete: fetch it again, or convert the model again.",
  WrongType: "The file contradicts the format: convert the model again with a current tool.",
  MissingTensor: "The file is not complete: fetch it again, or convert the model again.",
  WrongShape: "The file contradicts itself: fetch it again, or try another one.",
  BadWeights: "The file is damaged or not ternary: fetch it again, or try another one.",
  UnsupportedTokenizer: "Choose a BitNet model with its original tokenizer.",
  BadToken: "Use ids that tokenize() of the same model gave.",
  UnsupportedTemplate: "Use generate() with a prompt of your own, or choose a chat model.",
  EmptyPrompt: "Give at least one word.",
  ContextFull:
    "The conversation is longer than the model can read. Start a new chat, or load with a larger context.",
  UnknownIsa: "Leave the option isa out: the best kernels are chosen.",
  SelfTestFailed: "This browser computes wrong results: update it, or use another one.",
  BadGrammar: "Correct the grammar or the schema where the message says.",
  GrammarEnd: "Allow more tokens, load with a larger context, or ask for a shorter text.",
  BadSession:
    "Restore a session with the model and kvType that saved it; if the bytes were damaged, start a new one.",
  Http: "Check the address.",
  Stalled: "Check your connection and load again: it goes on where it stopped.",
  SourceChanged: "The server is replacing the file: load again later.",
  IntegrityFailed:
    "Load again; if it happens again, the server has another file than the one that was asked for.",
  QuotaExceeded: "Delete stored models (BitNet.cache) or free space on the disk.",
  Disposed: "Load the model or open the session again.",
  WorkerFailed: "Reload the page; if it happens again, choose a smaller model.",
  UnknownOption: "Correct the name, or leave the option out.",
  InvalidOption: "Check what you entered: the message names the value.",
  UnsupportedParameter: "Leave the parameter out, or set it to what the message allows.",
  NotSupported: "Use a current version of Chrome, Edge or Firefox.",
};
