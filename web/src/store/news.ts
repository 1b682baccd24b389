// What the tab that downloads tells those that wait for it.

const channelName = "bitnet-edge";
const every = 100; // milliseconds

interface News {
  name: string;
  loaded: number;
  total: number;
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

function openChannel(): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel(channelName);
  } catch {
    return undefined; // the others wait without seeing how far it is
  }
}

/** Returns what tells the others, and what ends that. */
export function announcer(name: string): {
  tell(loaded: number, total: number): void;
  end(): void;
} {
  const channel = openChannel();
  let told = -Infinity;
  return {
    tell(loaded, total) {
      if (performance.now() - told < every) return;
      told = performance.now();
      channel?.postMessage({ name, loaded, total } satisfies News);
    },
    end: () => channel?.close(),
  };
}

/** Returns what ends it. */
export function overhear(name: string, hear: (loaded: number, total: number) => void): () => void {
  const channel = openChannel();
  if (channel === undefined) return () => {};
  channel.onmessage = ({ data }: { data: unknown }) => {
    const news = (data ?? {}) as Partial<News>;
    if (news.name !== name || !isCount(news.loaded) || !isCount(news.total)) return;
    if (news.loaded <= news.total) hear(news.loaded, news.total);
  };
  return () => channel.close();
}
