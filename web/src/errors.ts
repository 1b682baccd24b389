// Every failure of this package is a BitNetError: `code` for programs, `message` for people.
import { advice } from "./advice.js";
import { coreErrorNames, coreErrors } from "./generated/errors.js";

/** Failures that only this side of the module knows; the others come from core's table. */
const webErrors = {
  Http: "the server did not deliver the file",
  Stalled: "the server stopped sending",
  SourceChanged: "the file changed while it was read",
  IntegrityFailed: "the bytes are not the ones that were named",
  QuotaExceeded: "there is no room to store more",
  Disposed: "the model or session has been disposed",
  WorkerFailed: "the worker that runs the model has failed",
  UnknownOption: "there is no option of that name",
  InvalidOption: "an option has a value it cannot have",
  UnsupportedParameter: "nothing here does what this parameter asks for",
  NotSupported: "this engine cannot run that",
} as const;

const sentences = { ...coreErrors, ...webErrors };

/** Why a call failed: the union of all codes there are. */
export type BitNetErrorCode = keyof typeof sentences;

/** How an error crosses a thread boundary. */
export interface ErrorData {
  code: BitNetErrorCode;
  detail: string;
  status?: number;
}

/** The one kind of error that calls of this package fail with. */
export class BitNetError extends Error {
  override readonly name: string = "BitNetError";
  readonly code: BitNetErrorCode;
  /** What exactly: a key, a tensor, an address. May be empty. */
  readonly detail: string;
  /** What to do next, as a sentence. */
  readonly advice: string;
  /** With code "Http": the server's status. */
  declare readonly status?: number;

  constructor(code: BitNetErrorCode, detail = "", status?: number) {
    super(detail === "" ? sentences[code] : `${sentences[code]}: ${detail}`);
    this.code = code;
    this.detail = detail;
    this.advice = advice[code];
    if (status !== undefined) this.status = status;
  }

  /** @internal From a number of core's table. */
  static fromCore(number: number, detail: string): BitNetError {
    const name = coreErrorNames[number];
    return name === undefined
      ? new BitNetError("WorkerFailed", `unknown error ${number} ${detail}`)
      : new BitNetError(name, detail);
  }

  /** @internal */
  static fromData(data: ErrorData): BitNetError {
    return new BitNetError(data.code, data.detail, data.status);
  }

  /** @internal */
  toData(): ErrorData {
    const { code, detail, status } = this;
    return status === undefined ? { code, detail } : { code, detail, status };
  }
}

/** Whatever was thrown, as a BitNetError. */
export function asBitNetError(thrown: unknown, otherwise: BitNetErrorCode): BitNetError {
  if (thrown instanceof BitNetError) return thrown;
  return new BitNetError(otherwise, thrown instanceof Error ? thrown.message : String(thrown));
}
