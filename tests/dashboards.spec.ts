import { expect, type Page, test } from '@playwright/test';

import {
  complaintsOf,
  type Dashboard,
  dashboards,
  isEmpty,
  isFilled,
  provisionedDataSource,
  recordedDataSource,
} from './grafana';

// Grafana fills panels that can be seen: so the page is as high as the longest of them.
test.use({ viewport: { width: 1440, height: 3600 } });

test('there are dashboards', () => {
  expect(dashboards.map(({ title }) => title).sort()).toEqual([
    'Fleet',
    'Node',
    'Performance',
    'Reputation',
    'Storage',
    'Traffic',
  ]);
});

/** That a dashboard has all its panels, none of them with an error, or empty without saying why. */
async function isWhole(page: Page, { panels }: Dashboard): Promise<void> {
  await isFilled(page);
  for (const panel of panels) {
    const heading = page.getByTestId(
      panel.type === 'row'
        ? `data-testid dashboard-row-title-${panel.title}`
        : `data-testid Panel header ${panel.title}`
    );
    await expect(heading.first(), `${panel.type} ${panel.title}`).toBeVisible();
  }
  await expect(page.getByTestId('data-testid Panel status error')).toHaveCount(0);
  await expect(page.getByText(isEmpty)).toHaveCount(0);
}

/** Long before there are data: every panel says so in its own words. */
const LONG_AGO = '&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z';

const sources = { 'simulated nodes': provisionedDataSource, 'recorded nodes': recordedDataSource };

for (const [nodes, find] of Object.entries(sources)) {
  for (const dashboard of dashboards) {
    test(`the dashboard ${dashboard.title} opens without an error with ${nodes}`, async ({ page, request }) => {
      const { uid } = await find(request);
      const complaints = complaintsOf(page);
      await page.goto(`/d/${dashboard.uid}?var-datasource=${uid}`);
      await isWhole(page, dashboard);
      expect(complaints).toEqual([]);
    });
  }
}

for (const dashboard of dashboards) {
  test(`the dashboard ${dashboard.title} says of a time before any data that there are none`, async ({
    page,
    request,
  }) => {
    const { uid } = await provisionedDataSource(request);
    const complaints = complaintsOf(page);
    await page.goto(`/d/${dashboard.uid}?var-datasource=${uid}${LONG_AGO}`);
    await isWhole(page, dashboard);
    expect(complaints).toEqual([]);
  });
}

test('Fleet leads to a node, and on from there with the same data source', async ({ page, request }) => {
  const { uid, jsonData } = await provisionedDataSource(request);
  const complaints = complaintsOf(page);
  await page.goto(`/d/storagenode-monitor-fleet?var-datasource=${uid}`);
  await isFilled(page);
  const table = page.getByTestId('data-testid Panel header Nodes, the worst first');
  const names = (jsonData.nodes ?? []).map(({ name }) => name);
  for (const name of names) {
    await expect(table.getByRole('link', { name, exact: true })).toBeVisible();
  }
  await table.getByRole('link', { name: names[0], exact: true }).click();
  await expect(page).toHaveURL(/\/d\/storagenode-monitor-node/);
  await isFilled(page);
  expect(new URL(page.url()).searchParams.get('var-node')).toBe(names[0]);
  expect(new URL(page.url()).searchParams.get('var-datasource')).toBe(uid);
  await page.getByRole('link', { name: 'Traffic' }).first().click();
  await expect(page).toHaveURL(/\/d\/storagenode-monitor-traffic/);
  await isFilled(page);
  expect(new URL(page.url()).searchParams.get('var-node')).toBe(names[0]);
  expect(complaints).toEqual([]);
});
