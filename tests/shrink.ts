import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';

import { expect } from '@playwright/test';

const LARGEST = 150_000; // bytes

/** Few colours do for a picture of a page, and it becomes a quarter as large. */
export function shrink(file: string) {
  execFileSync('convert', [
    file,
    '+dither',
    '-colors',
    '128',
    '-strip',
    '-define',
    'png:compression-level=9',
    `PNG8:${file}`,
  ]);
  expect(statSync(file).size, file).toBeLessThan(LARGEST);
}
