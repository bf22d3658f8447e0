// Fails when the built front end asks Grafana for a module that the oldest supported Grafana (12.2)
// does not share with plugins. Run it after `npm run build`.
import { readFileSync } from 'node:fs';
import path from 'node:path';

const file = path.resolve('dist', 'module.js');

// Grafana 12.2: public/app/features/plugins/loader/sharedDependencies.ts
const shared = new Set([
  '@emotion/css',
  '@emotion/react',
  '@grafana/data',
  '@grafana/runtime',
  '@grafana/slate-react',
  '@grafana/ui',
  '@kusto/monaco-kusto',
  'd3',
  'emotion',
  'i18next',
  'jquery',
  'lodash',
  'moment',
  'prismjs',
  'react',
  'react-dom',
  'react-inlinesvg',
  'react-redux',
  'react-router',
  'react-router-dom',
  'redux',
  'rxjs',
  'rxjs/operators',
  'slate',
  'slate-plain-serializer',
  // An AMD loader's own.
  'module',
  'exports',
  'require',
]);

let source;
try {
  source = readFileSync(file, 'utf8');
} catch (error) {
  fail(`cannot read ${file} (${error.code}): run "npm run build" first`);
}

const define = /\bdefine\(\s*(?:"[^"]*"\s*,\s*)?(\[[^\]]*\])/.exec(source);
if (!define) {
  fail(`${file} is not an AMD module: no define([...]) found`);
}
const asked = JSON.parse(define[1]);
const missing = asked.filter((name) => !shared.has(name));
if (missing.length > 0) {
  fail(`${file} asks Grafana for ${missing.join(', ')}, which Grafana 12.2 does not share with plugins`);
}
console.log(`dist/module.js asks Grafana for ${asked.length} modules, all shared since 12.2: ${asked.join(', ')}`);

function fail(message) {
  console.error(`check:bundle: ${message}`);
  process.exit(1);
}
