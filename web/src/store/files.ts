// The few things that the store wants of a file system, and of the engine's locks. web/src/store/opfs.ts has them in
// browsers; tests have others, which fail on request.

/** One file, open for writing by nobody else. Synchronous, as workers have it. */
export interface Handle {
  size(): number;
  /** Returns how many bytes there were. */
  read(into: Uint8Array, at: number): number;
  /** Returns how many bytes were written; may throw. */
  write(bytes: Uint8Array, at: number): number;
  /** On the disk when this returns. */
  flush(): void;
  close(): void;
}

/** A flat folder. */
export interface Files {
  list(): Promise<string[]>;
  /** As it is now; undefined: there is none. */
  read(name: string): Promise<File | undefined>;
  /** Created when there is none. Waits so many milliseconds for who has it. */
  open(name: string, patience?: number): Promise<Handle>;
  /** To read only, of a file that is there; undefined: somebody else has it, or there is no such way here. */
  openToRead(name: string): Promise<Handle | undefined>;
  move(from: string, to: string): Promise<void>;
  /** No matter whether there is one. */
  remove(name: string): Promise<void>;
}

export type Release = () => void;

export interface Locks {
  /** undefined: `now` was asked for and somebody else holds it. */
  hold(
    name: string,
    how: { shared?: boolean; now?: boolean; signal?: AbortSignal },
  ): Promise<Release | undefined>;
}

export interface Room {
  /** Bytes that this origin uses, and may. */
  usage: number;
  quota: number;
}
