// The entry: finds a flavour that works here, starts its worker, loads a model into it.
import { BitNetError, asBitNetError } from "./errors.js";
import { features, type Features, type Flavour } from "./features.js";
import { Model } from "./model.js";
import { cache } from "./cache.js";
import { defaultStartTimeout, readLoadOptions } from "./options.js";
import { readSources, type Pull } from "./sources.js";
import type { Estimate, LoadOptions, ModelSource, Progress, SelfTestResult } from "./types.js";
import type { FetchSettings, Source } from "./worker/protocol.js";
import { Client } from "./worker/client.js";

interface Running {
  client: Client;
  flavour: Flavour;
  threads: number;
  hint: string;
}

/** More threads than this gain little and take cores from the page. */
const mostThreadsByDefault = 4;

/** The flavours to try, best first. */
function candidates(found: Features, { flavour, threads }: LoadOptions): Flavour[] {
  if (flavour !== undefined) {
    if (found.flavours.includes(flavour)) return [flavour];
    throw new BitNetError("NotSupported", `${flavour}: ${found.hint || "this engine lacks it"}`);
  }
  const wanted = threads ?? found.hardwareThreads;
  const list = found.flavours.filter((candidate) => wanted > 1 || candidate.endsWith("-st"));
  if (list.length === 0) throw new BitNetError("NotSupported", found.hint);
  return list;
}

/** Start workers until one has a module that computes right. */
async function run(options: LoadOptions, onClient: (client: Client) => void): Promise<Running> {
  const found = features();
  const { startTimeout = defaultStartTimeout } = options;
  const hints = found.hint === "" ? [] : [found.hint];
  let list = candidates(found, options);
  let retries = 2;
  for (;;) {
    const flavour = list.shift()!;
    const wanted =
      options.threads ?? Math.max(2, Math.min(mostThreadsByDefault, found.hardwareThreads));
    const client = new Client(options.worker);
    onClient(client);
    await client.hello(startTimeout); // a worker that does not start is no flavour's fault
    try {
      const request = client.request("start", {
        flavour,
        threads: flavour.endsWith("-mt") ? wanted : 1,
      });
      const { threads } = await client.within(
        startTimeout,
        `${flavour} did not start`,
        client.whileAlive(request.result),
      );
      return { client, flavour, threads, hint: hints.join("; ") };
    } catch (thrown) {
      const error = asBitNetError(thrown, "WorkerFailed");
      await client.end(error);
      if (error.code === "Aborted" || error.code === "Disposed") throw error;
      // Firefox 153 now and then never returns from a worker's `new Worker`, which is how threads start: about 1 start in 100.
      if (client.stuck && retries-- > 0) {
        list.unshift(flavour);
        continue;
      }
      // Wrong results are the SIMD level's fault, everything else the threads' where there are any.
      const [simd, kind] = flavour.split("-");
      const same = (other: Flavour) =>
        error.code === "SelfTestFailed"
          ? other.startsWith(`${simd}-`)
          : kind === "mt" && other.endsWith("-mt");
      list = list.filter((other) => !same(other));
      if (list.length === 0) throw error;
      hints.push(`${flavour} was not used: ${error.message}`);
    }
  }
}

async function open<T>(options: LoadOptions, use: (running: Running) => Promise<T>): Promise<T> {
  const { signal } = options;
  const aborted = () => new BitNetError("Aborted");
  if (signal?.aborted) throw aborted();
  let client: Client | undefined;
  const abort = () => void client?.end(aborted());
  signal?.addEventListener("abort", abort);
  try {
    return await use(
      await run(options, (started) => {
        client = started;
        if (signal?.aborted) abort(); // between two workers
      }),
    );
  } catch (error) {
    await client?.end(asBitNetError(error, "WorkerFailed"));
    throw signal?.aborted ? aborted() : error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

const builtinModel = () => new URL("./bitnet-tiny-stories.gguf", import.meta.url);

/** Bytes that one WebAssembly memory can have. */
const mostMemory = 2 ** 32;

function onlyOnePinned(sources: readonly Source[], { pin }: FetchSettings): void {
  if (pin !== undefined && sources.length > 1)
    throw new BitNetError("InvalidOption", "integrity is of one file, and these are several");
}

/** The entry of the package. */
export const BitNet = {
  /** Load a model into a worker of its own. */
  async load(source?: ModelSource, given?: LoadOptions): Promise<Model> {
    const { options, settings, fetching } = readLoadOptions(given);
    const pulls: Pull[] = [];
    const sources = readSources(source ?? builtinModel(), pulls);
    onlyOnePinned(sources, fetching);
    if (source === undefined && options.cache === undefined) fetching.cache = false; // it is the application's own
    const { onProgress } = options;
    let hint = "";
    const onEvent = (progress: Progress) => {
      if (progress.hint !== undefined) hint = progress.hint;
      onProgress?.(progress);
    };
    return open(options, async ({ client, flavour, threads, hint: slow }) => {
      onProgress?.({ phase: "start", loaded: 0, total: 0 });
      const request = { sources, settings, fetching };
      const info = await client.request("load", request, onEvent, pulls).result;
      const hints = [slow, hint].filter((one) => one !== "").join("; ");
      return new Model(client, { ...info, flavour, threads, hint: hints });
    }).finally(() => {
      for (const pull of pulls) pull.close();
    });
  },

  /**
   * What loading a model would take, from its header alone: of an address only the header's ranges are fetched, or the
   * beginning of the stream where a server knows no ranges. Options as for load().
   */
  async estimate(
    source?: ModelSource,
    given?: Omit<LoadOptions, "onProgress">,
  ): Promise<Estimate> {
    const { options, settings, fetching } = readLoadOptions(given);
    const pulls: Pull[] = [];
    const sources = readSources(source ?? builtinModel(), pulls);
    onlyOnePinned(sources, fetching);
    return open(options, async ({ client }) => {
      const request = { sources, settings, fetching };
      const found = await client.request("estimate", request, undefined, pulls).result;
      await client.end(new BitNetError("Disposed"));
      const limit = Math.min(mostMemory, options.memoryLimit ?? mostMemory);
      return { ...found, fits: found.peakBytes <= limit };
    }).finally(() => {
      for (const pull of pulls) pull.close();
    });
  },

  /** Known answers: every kernel against scalar, and the built-in model's stored tokens and logits. */
  async selfTest(
    given?: Pick<LoadOptions, "flavour" | "threads" | "signal" | "startTimeout">,
  ): Promise<SelfTestResult> {
    const { options, settings, fetching } = readLoadOptions(given);
    const sources = readSources(builtinModel(), []);
    fetching.cache = false;
    return open(options, async ({ client, flavour, threads }) => {
      const { isa } = await client.request("load", { sources, settings, fetching }).result;
      const report = await client.request("selfTest", {}).result;
      await client.end(new BitNetError("Disposed"));
      return { flavour, threads, isa, ...report };
    });
  },

  /** What this engine can run, found without starting anything. */
  features,

  /** The model files that this origin has stored. */
  cache,
};
