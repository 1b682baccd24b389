// Errors as people read them: what happened, and what to do next (the package says it).
import { BitNetError } from "../index.js";

export function explain(error: unknown): { title: string; advice: string } {
  if (!(error instanceof BitNetError))
    return { title: `Something went wrong: ${String(error)}.`, advice: "Reload the page." };
  const sentence = error.message.charAt(0).toUpperCase() + error.message.slice(1);
  return {
    title: `${sentence.replace(/\.$/, "")}.`,
    advice: error.advice,
  };
}
