import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from '@grafana/plugin-e2e';

import { complaintsOf } from './grafana';

const folder = path.resolve('src', 'dashboards');
const dashboards = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as { uid: string; title: string });

test('there are dashboards', () => {
  expect(dashboards.map(({ title }) => title)).toContain('Reputation');
});

for (const { uid, title } of dashboards) {
  test(`the dashboard ${title} opens without an error`, async ({ page, gotoDashboardPage }) => {
    const complaints = complaintsOf(page);
    await gotoDashboardPage({ uid });
    await expect(page.getByRole('heading', { level: 2 }).first()).toBeVisible();
    // Until nothing is being asked any more.
    await expect(page.getByLabel('Panel loading bar')).toHaveCount(0);
    await expect(page.getByTestId('data-testid Panel status error')).toHaveCount(0);
    expect(complaints).toEqual([]);
  });
}
