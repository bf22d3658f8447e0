import { defineConfig } from 'eslint/config';
import baseConfig from './.config/eslint.config.mjs';

export default defineConfig([
  {
    ignores: [
      '**/node_modules/',
      '**/dist/',
      '**/coverage',
      'test-results/',
      'playwright-report/',
      'blob-report/',
      'playwright/',
      'testdata/',
      'pkg/',
      // Kept as the scaffolding made it.
      '.config/',
    ],
  },
  ...baseConfig,
]);
