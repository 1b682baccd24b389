// Browsers for the tests: the machine's Chromium and Firefox, driven by puppeteer-core; a server that also has a blank
// page. Whoever lacks a browser sees its tests skipped, with the reason.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join, resolve } from "node:path";
import { serve } from "../../web/tools/serve.mjs";

export const root = resolve(import.meta.dirname, "../..");
export const screenshots = join(root, "build/screenshots");
mkdirSync(screenshots, { recursive: true });

const require = createRequire(join(root, "web/package.json"));
const { default: puppeteer } = await import(require.resolve("puppeteer-core"));

/** The program that an environment variable names, or the first of `names` on PATH. */
function find(variable, names) {
  const given = process.env[variable];
  if (given) return existsSync(given) ? given : undefined;
  const folders = (process.env.PATH ?? "").split(delimiter);
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => existsSync(path));
}

const quiet = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-quic",
  "--disable-dev-shm-usage",
];

export const browsers = [
  {
    name: "chromium",
    path: find("BITNET_CHROMIUM", ["chromium", "chromium-browser", "google-chrome"]),
    options: { args: quiet },
  },
  {
    name: "firefox",
    path: find("BITNET_FIREFOX", ["firefox-esr", "firefox"]),
    options: { browser: "firefox" },
  },
].map((browser) => ({
  ...browser,
  skip: browser.path ? false : `no ${browser.name} on this machine`,
}));

/**
 * A browser with a fresh profile under build/, and how to end it. `killAndRestart` ends its processes without a word, and
 * starts it anew with the same profile; `prefs` are Firefox's settings.
 */
export async function launch({ name, path, options }, { args = [], prefs = {} } = {}) {
  const profiles = join(root, "build/tmp");
  mkdirSync(profiles, { recursive: true });
  const userDataDir = mkdtempSync(join(profiles, `${name}-`));
  const start = async () => {
    const browser = await puppeteer.launch({
      headless: true,
      executablePath: path,
      userDataDir,
      protocolTimeout: 240_000,
      ...options,
      args: [...(options.args ?? []), ...args],
      extraPrefsFirefox: prefs,
    });
    return {
      browser,
      async killAndRestart() {
        const main = browser.process();
        const ended = new Promise((done) => main.once("exit", done));
        main.kill("SIGKILL");
        await ended;
        // Chromium's lock names a process that is no more; Firefox's is the system's, and gone.
        rmSync(join(userDataDir, "SingletonLock"), { force: true });
        // When a process ends, the driver puts back Firefox's settings, and may be at it.
        return start().catch((error) => (error.code === "ENOENT" ? start() : Promise.reject(error)));
      },
      async close() {
        await browser.close();
        rmSync(userDataDir, { recursive: true, force: true, maxRetries: 5 });
      },
    };
  };
  return start();
}

/** web/dist, and `/blank` with the same headers; `cases` are more answers by path. */
export function serveTests(isolation, cases = {}) {
  return serve({
    isolation,
    handle(request, response, headers) {
      const { pathname } = new URL(request.url, "http://localhost");
      if (pathname === "/blank") {
        response
          .writeHead(200, { ...headers, "Content-Type": "text/html" })
          .end("<!doctype html><title>blank</title>");
      } else if (cases[pathname]) cases[pathname](request, response, headers);
      else return false;
      return true;
    },
  });
}

/** A blank page whose uncaught errors are kept in `page.failures`. */
export async function blankPage(browser, url) {
  const page = await browser.newPage();
  page.failures = [];
  page.on("pageerror", (error) => page.failures.push(String(error)));
  await page.goto(url);
  return page;
}
