// Asks a server, by its address, with the packages `openai` and `ollama`; prints what came.
import OpenAI from "openai";
import { Ollama } from "ollama";

const address = process.argv[2];
const question = "How long does bread bake?";
const messages = [{ role: "user", content: question }];
const said = {};

const openai = new OpenAI({ baseURL: `${address}/v1`, apiKey: "x", maxRetries: 0 });
said.models = (await openai.models.list()).data.map((model) => model.id);
const whole = await openai.chat.completions.create({ model: "metier", messages });
said.whole = whole.choices[0].message.content;
const stream = openai.chat.completions.stream({
  model: "metier",
  messages,
  stream_options: { include_usage: true },
});
said.streamed = await stream.finalContent();
said.tokens = (await stream.totalUsage()).total_tokens;
const responding = openai.responses.stream({ model: "metier", input: question });
said.response = (await responding.finalResponse()).output_text;
const embedded = await openai.embeddings.create({ model: "metier", input: ["bread", "wine"] });
said.embeddings = embedded.data.length;
try {
  await openai.chat.completions.create({ model: "nobody", messages });
} catch (error) {
  said.unknown = [error.constructor.name, error.code];
}

const ollama = new Ollama({ host: address });
said.tags = (await ollama.list()).models.map((model) => model.name);
said.shown = (await ollama.show({ model: "cooking" })).capabilities;
said.chat = "";
for await (const part of await ollama.chat({ model: "metier", messages, stream: true })) {
  said.chat += part.message.content;
}
said.generated = (await ollama.generate({ model: "metier", prompt: question })).response;
said.embed = (await ollama.embed({ model: "metier", input: ["bread"] })).embeddings.length;
console.log(JSON.stringify(said));
