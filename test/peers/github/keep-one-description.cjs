// The package holds every version of GitHub's API twice, 390 MB in all. The tests read one file of 13 MB; the rest goes.
const { existsSync, readdirSync, rmSync } = require("node:fs");
const { join } = require("node:path");

const folder = join(__dirname, "node_modules", "@octokit", "openapi", "generated");
for (const name of existsSync(folder) ? readdirSync(folder) : []) {
  if (name !== "api.github.com.json") rmSync(join(folder, name));
}
