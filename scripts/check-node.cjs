// Says what to do when the Node that runs Hive's scripts is too old, in place of a stack trace. `npm run` puts the
// pinned Node of node_modules/.bin first on the PATH, so an old Node here means that it was never installed.
// Plain JavaScript of the oldest kind: any Node must be able to read it. Exits 1 when the command cannot work.
var fs = require("fs");
var path = require("path");

var major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  var modules = path.join(__dirname, "..", "node_modules");
  var lines = ["", "Hive needs Node 24 or newer; this is " + process.version + "."];
  if (!fs.existsSync(path.join(modules, "node"))) {
    lines.push("The right one is a dev dependency of Hive that is not installed here. Run:", "", "    npm ci");
  } else if (!fs.existsSync(path.join(modules, "node", "bin", "node"))) {
    lines.push(
      "The right one is a dev dependency of Hive, but npm was told not to run its install script. Run:",
      "",
      "    npm rebuild node --ignore-scripts=false",
      "",
      "or install Node 24 or newer yourself: https://nodejs.org"
    );
  } else {
    lines.push(
      "The right one is installed: start Hive through npm, which uses it, and not with node itself. For example:",
      "",
      "    npm start"
    );
  }
  console.error(lines.join("\n") + "\n");
  process.exit(1);
}
