// What AsyncAPI's own parser finds in documents: `node validate.mjs PATH`, a JSON list of their texts on standard input.
// References in them are followed from PATH. Prints a JSON list with the findings and the messages of each.
import { text } from "node:stream/consumers";
import { DiagnosticSeverity, Parser } from "@asyncapi/parser";

const source = process.argv[2];
const parser = new Parser();
const answers = [];
for (const document of JSON.parse(await text(process.stdin))) {
  const { document: parsed, diagnostics } = await parser.parse(document, { source });
  answers.push({
    findings: diagnostics.map(({ code, message, path, severity }) => ({ code, message, path: path.join("/"), severity })),
    messages: Object.fromEntries((parsed?.channels().all() ?? []).map((channel) => [channel.address(), members(channel)])),
  });
}
process.stdout.write(JSON.stringify(answers));

function members(channel) {
  const named = channel.messages().all().map((message) => [message.name(), message.payload()?.json()]);
  return Object.fromEntries(named.map(([name, value]) => [name, Object.keys(value?.properties?.data?.properties ?? {})]));
}
