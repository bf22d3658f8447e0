// Times in the tests are written in UTC.
process.env.TZ = 'UTC';

const { grafanaESModules, nodeModulesToTransform } = require('./.config/jest/utils');

// Packages that are published as ES modules only, beyond those that the scaffolding knows.
const esModules = [
  ...grafanaESModules,
  'd3-[a-z-]+',
  '@grafana/[a-z0-9-]+',
  'react-use',
  'ol',
  'marked',
  'nanoid',
  'uuid',
];

module.exports = {
  ...require('./.config/jest.config'),
  transform: {
    ...require('./.config/jest.config').transform,
    // d3 ships .mjs files too.
    '^.+\\.mjs$': require('./.config/jest.config').transform['^.+\\.(t|j)sx?$'],
  },
  transformIgnorePatterns: [nodeModulesToTransform(esModules)],
};
