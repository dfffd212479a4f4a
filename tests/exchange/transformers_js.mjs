// Runs the files of exported_files.py in transformers.js: `npm install @huggingface/transformers`.
// The folder has the layout that it expects: onnx/model.onnx next to config and tokenizer.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const folder = resolve(process.argv[2]);
const found = createRequire(resolve("package.json")).resolve("@huggingface/transformers");
const { pipeline, env } = await import(pathToFileURL(found).href);
env.allowRemoteModels = false;
env.localModelPath = `${folder}/onnx/`;

const { texts, vectors } = JSON.parse(readFileSync(`${folder}/vectors.json`, "utf-8"));
const embed = await pipeline("feature-extraction", "base", { dtype: "fp32" });
const output = await embed(texts, { pooling: "mean" });
const differences = output.tolist().flat().map((x, i) => Math.abs(x - vectors.flat()[i]));
const largest = Math.max(...differences);
if (!(largest < 2e-4)) throw new Error(`vectors differ by ${largest}`);
console.log(`transformers.js base: ${largest.toExponential(1)}`);

const cases = {
  "fill-mask": ["masked_lm", "the [MASK] sat on mat ."],
  "text-classification": ["sequence_classification", texts[0]],
  "token-classification": ["token_classification", texts[0]],
  "question-answering": ["question_answering", "who lives ?", "i live in paris"],
};
for (const [task, [head, ...inputs]] of Object.entries(cases)) {
  const answers = await (await pipeline(task, head, { dtype: "fp32" }))(...inputs);
  console.log(`transformers.js ${task}:`, JSON.stringify([answers].flat()[0]));
}
