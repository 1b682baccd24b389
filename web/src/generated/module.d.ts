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
export type ContextPolicy = 'stop'|'error'|'shift';

export type Pooling = 'last'|'mean';

export type StepKind = 'prefill'|'token'|'end';

export interface Block extends ClassHandle {
  resize(_0: number): BytesReply;
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
  detokenize(_0: Block, _1: boolean): BytesReply;
  tokenize(_0: Block, _1: boolean): IdsReply;
  tokenizeChat(_0: Block, _1: Block, _2: boolean): IdsReply;
  sessionBytes(_0: SessionOptions): NumberReply;
  info(): InfoReply;
}

export interface Session extends ClassHandle {
  logits(): Float32Array;
  tokens(): Int32Array;
  restoreWanted(): Uint8Array;
  size(): number;
  capacity(): number;
  truncate(_0: number): void;
  hashLogits(_0: bigint): bigint;
  savePiece(): PieceReply;
  embed(_0: Block, _1: Pooling, _2: boolean): FloatsReply;
  next(): StepReply;
  make(_0: Model, _1: SessionOptions): Outcome;
  constrain(_0: Block, _1: boolean): Outcome;
  start(_0: Block, _1: GenerateOptions, _2: Block, _3: Block): Outcome;
  evaluate(_0: Block): Outcome;
  fork(_0: Session): Outcome;
  restoreBegin(_0: number): Outcome;
  restoreAccept(): Outcome;
  saveBegin(): NumberReply;
}

export type SessionOptions = {
  context: number,
  kvType: KvType,
  batch: number
};

export type SelfTest = {
  kernelCases: number,
  tokens: number,
  logitsHash: bigint
};

export type SamplerOptions = {
  temperature: number,
  topK: number,
  topP: number,
  minP: number,
  repetitionPenalty: number,
  presencePenalty: number,
  frequencyPenalty: number,
  repetitionWindow: number,
  seed: bigint
};

export type GenerateOptions = {
  sampler: SamplerOptions,
  maxTokens: number,
  ignoreEnd: boolean,
  logprobs: boolean,
  topLogprobs: number,
  contextPolicy: ContextPolicy,
  keep: number,
  draft: number
};

export type Wanted = {
  offset: number,
  into: Uint8Array,
  file: number
};

export type Step = {
  kind: StepKind,
  id: number,
  text: EmbindString,
  finish: EmbindString,
  prefilled: number,
  prompt: number,
  logprob: number,
  topIds: Int32Array,
  topLogprobs: Float32Array
};

export type BytesReply = {
  code: number,
  detail: EmbindString,
  value: Uint8Array
};

export type PieceReply = {
  code: number,
  detail: EmbindString,
  value: Uint8Array
};

export type IdsReply = {
  code: number,
  detail: EmbindString,
  value: Int32Array
};

export type FloatsReply = {
  code: number,
  detail: EmbindString,
  value: Float32Array
};

export type StepReply = {
  code: number,
  detail: EmbindString,
  value: Step
};

export type SelfTestReply = {
  code: number,
  detail: EmbindString,
  value: SelfTest
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

export type InfoReply = {
  code: number,
  detail: EmbindString,
  value: Info
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
  ContextPolicy: {stop: 'stop', error: 'error', shift: 'shift'};
  Pooling: {last: 'last', mean: 'mean'};
  StepKind: {prefill: 'prefill', token: 'token', end: 'end'};
  Block: {
    new(): Block;
  };
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
  Session: {
    new(): Session;
  };
  sessionDefaults(): SessionOptions;
  startThreads(_0: number): number;
  hashStart(): bigint;
  generateDefaults(): GenerateOptions;
  memoryBytes(): number;
  selfTest(_0: Model): SelfTestReply;
  availableIsas(): string;
  checkKernels(_0: EmbindString): NumberReply;
  version(): string;
}

export type MainModule = WasmModule & EmbindModule;
export default function MainModuleFactory (options?: unknown): Promise<MainModule>;
