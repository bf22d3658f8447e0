import { expect, test } from '@playwright/test';

import { complaintsOf } from './grafana';

// The test of the alerts (`go tool mage alerts`) runs it.
const source = process.env.ALERTING_DATA_SOURCE;

// A Grafana that has just started, beside the rules that it evaluates, takes its time for the first page.
test.setTimeout(240_000);
test.use({ actionTimeout: 60_000 });
const patiently = { timeout: 120_000 };

test('the button installs the alert rules, once', async ({ page, request }) => {
  test.skip(!source, 'it needs a data source without rules');
  const complaints = complaintsOf(page);
  const ours = async () => {
    const rules: Array<{ data: Array<{ datasourceUid: string }> }> = await (
      await request.get('/api/v1/provisioning/alert-rules')
    ).json();
    return rules.filter(({ data }) => data.some(({ datasourceUid }) => datasourceUid === source)).length;
  };
  expect(await ours()).toBe(0);

  await page.goto(`/connections/datasources/edit/${source}`, { waitUntil: 'commit', ...patiently });
  const state = page.getByRole('list', { name: 'State of alerting' });
  await expect(state).toContainText('No alert rule uses this data source: nobody will be told.', patiently);
  await expect(state).toContainText('storj-webhook');

  const button = page.getByRole('button', { name: 'Install or update alert rules' });
  await button.click();
  await expect(page.getByText(/\d+ alert rules are installed/)).toBeVisible();
  await expect(state).toContainText(/(\d+) of \1 installed/);
  const installed = await ours();
  expect(installed).toBeGreaterThan(10);

  await button.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Update' }).click();
  await expect(page.getByText(/\d+ alert rules are installed/)).toBeVisible();
  expect(await ours()).toBe(installed);
  expect(complaints).toEqual([]);
});
