// Tells a story under Node, through the package as users get it.
//   node tools/story.mjs [--model FILE-or-URL] [--prompt TEXT] [--chat TEXT] [--tokens N] [--threads N] [--flavour NAME]
import { parseArgs } from "node:util";
import { BitNet } from "../dist/index.js";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    prompt: { type: "string", default: "Once upon a time" },
    chat: { type: "string" },
    tokens: { type: "string", default: "200" },
    threads: { type: "string" },
    flavour: { type: "string" },
  },
});

try {
  const model = await BitNet.load(values.model, {
    ...(values.threads && { threads: Number(values.threads) }),
    ...(values.flavour && { flavour: values.flavour }),
  });
  const options = { maxTokens: Number(values.tokens) };
  const generation = values.chat
    ? model.chat(values.chat, options)
    : model.generate(values.prompt, options);
  if (!values.chat) process.stdout.write(values.prompt);
  for await (const piece of generation) process.stdout.write(piece);
  const { tokens, tokensPerSecond, prefillTokensPerSecond, finishReason } = await generation.result;
  const { flavour, threads } = model.info;
  console.log(
    `\n\n${tokens} tokens, ${tokensPerSecond.toFixed(1)} per second (prompt ` +
      `${prefillTokensPerSecond.toFixed(1)}), ended by ${finishReason}; ${flavour}, ${threads} thread(s)`,
  );
  await model.dispose();
} catch (error) {
  console.error(`story: ${error.message}`);
  process.exitCode = 1;
}
