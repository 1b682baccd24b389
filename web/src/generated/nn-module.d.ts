// TypeScript bindings for emscripten-generated code.  Automatically generated at compile time.
interface WasmModule {
}

type EmbindString = ArrayBuffer|Uint8Array|Uint8ClampedArray|Int8Array|string;
export interface ClassHandle {
  isAliasOf(other: ClassHandle): boolean;
  delete(): void;
  deleteLater(): this;
  isDeleted(): boolean;
  // @ts-ignore - If targeting lower than ESNext, this symbol might not exist.
  [Symbol.dispose](): void;
  clone(): this;
}
export type KvType = 'f32'|'f16';

export type HeadType = 'file'|'int8'|'int4';

export interface Loader extends ClassHandle {
  wanted(): Wanted;
  addFile(_0: number): Outcome;
  accept(): Outcome;
  finish(_0: Model): Outcome;
  estimate(_0: SessionOptions): EstimateReply;
  begin(_0: EmbindString, _1: boolean, _2: HeadType, _3: number, _4: SessionOptions): Outcome;
  beginEstimate(_0: EmbindString, _1: boolean, _2: HeadType): Outcome;
}

export interface Sha256 extends ClassHandle {
  input(): Uint8Array;
  update(_0: number): void;
  digest(): string;
}

export interface Model extends ClassHandle {
}

export type OutputRule = 'probe'|'clamp'|'llamaedge';

export interface Models extends ClassHandle {
  add(_0: EmbindString, _1: Model): Outcome;
  addMissing(_0: EmbindString): Outcome;
}

export interface Guest extends ClassHandle {
  cancel(): void;
  call(_0: number, _1: number, _2: number, _3: number, _4: number, _5: number): number;
}

export type SessionOptions = {
  context: number,
  kvType: KvType,
  batch: number
};

export type Wanted = {
  offset: number,
  into: Uint8Array,
  file: number
};

export type Outcome = {
  code: number,
  detail: EmbindString
};

export type NumberReply = {
  code: number,
  detail: EmbindString,
  value: number
};

export type Info = {
  name: EmbindString,
  architecture: EmbindString,
  isa: EmbindString,
  tokenizer: EmbindString,
  tokenizerGuessed: boolean,
  chatTemplate: EmbindString,
  weightType: EmbindString,
  parameters: number,
  ternaryParameters: number,
  fileBytes: number,
  weightBytes: number,
  layers: number,
  hidden: number,
  ffn: number,
  heads: number,
  kvHeads: number,
  headDim: number,
  vocabulary: number,
  context: number,
  bos: number,
  eos: number
};

export type Estimate = {
  model: Info,
  weightBytes: number,
  weightBytesMost: number,
  sessionBytes: number,
  peakBytes: number
};

export type EstimateReply = {
  code: number,
  detail: EmbindString,
  value: Estimate
};

interface EmbindModule {
  KvType: {f32: 'f32', f16: 'f16'};
  HeadType: {file: 'file', int8: 'int8', int4: 'int4'};
  Loader: {
    new(): Loader;
  };
  Sha256: {
    new(): Sha256;
  };
  Model: {
    new(): Model;
  };
  OutputRule: {probe: 'probe', clamp: 'clamp', llamaedge: 'llamaedge'};
  Models: {
    new(): Models;
  };
  Guest: {
    new(_0: Models, _1: OutputRule, _2: number, _3: any): Guest;
  };
  sessionDefaults(): SessionOptions;
  startThreads(_0: number): number;
  memoryBytes(): number;
  availableIsas(): string;
  checkKernels(_0: EmbindString): NumberReply;
  functions(): string;
}

export type MainModule = WasmModule & EmbindModule;
export default function MainModuleFactory (options?: unknown): Promise<MainModule>;
