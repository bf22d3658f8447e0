import path from 'node:path';

import { expect, test } from '@playwright/test';

import { isEmpty, isFilled, provisionedDataSource } from './grafana';
import { shrink } from './shrink';

/** The pictures of the README and of Grafana's page of the plugin: UPDATE_PICTURES=1 go tool mage e2e takes them anew. */

test.skip(!process.env.UPDATE_PICTURES, 'pictures are taken when UPDATE_PICTURES is set');

const WIDTH = 1440;

const pictures = [
  { name: 'fleet', height: 1430, url: '/d/storagenode-monitor-fleet?from=now-6h&to=now' },
  { name: 'reputation', height: 1820, url: '/d/storagenode-monitor-reputation?from=now-30m&to=now' },
  { name: 'traffic', height: 1120, url: '/d/storagenode-monitor-traffic?from=now-6h&to=now' },
  { name: 'performance', height: 1120, url: '/d/storagenode-monitor-performance?from=now-6h&to=now' },
  { name: 'node', height: 1120, url: '/d/storagenode-monitor-node?from=now-6h&to=now&var-node=failing-audits' },
];

const fileOf = (name: string) => path.resolve('src', 'img', `${name}.png`);

for (const { name, height, url } of pictures) {
  test(`a picture of ${name}`, async ({ page, request }) => {
    await page.setViewportSize({ width: WIDTH, height });
    const { uid } = await provisionedDataSource(request);
    await page.goto(`${url}&var-datasource=${uid}&kiosk`);
    await isFilled(page);
    await expect(page.getByTestId('data-testid Panel status error')).toHaveCount(0);
    await expect(page.getByText(isEmpty)).toHaveCount(0);
    await page.screenshot({ path: fileOf(name), animations: 'disabled' });
    shrink(fileOf(name));
  });
}

test('a picture of the settings', async ({ page, request }) => {
  const { uid, jsonData } = await provisionedDataSource(request);
  await page.setViewportSize({ width: WIDTH, height: 1120 });
  await page.goto(`/connections/datasources/edit/${uid}`);
  await expect(page.getByRole('button', { name: /^Checks of/ })).toHaveCount(jsonData.nodes!.length);
  await expect(page.locator('main svg:not(:has(*))')).toHaveCount(0); // an icon that is not loaded yet is empty
  await page.screenshot({ path: fileOf('settings'), animations: 'disabled' });
  shrink(fileOf('settings'));
});
