import path from 'node:path';

import { expect, test } from '@playwright/test';

import { complaintsOf } from './grafana';
import { shrink } from './shrink';

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

test('a picture of the alerts', async ({ page }) => {
  test.skip(!process.env.UPDATE_PICTURES, 'pictures are taken when UPDATE_PICTURES is set');
  await page.setViewportSize({ width: 1280, height: 1900 });
  await page.goto('/alerting/groups?kiosk', { waitUntil: 'commit', ...patiently });
  const groups = page.getByTestId('alert-group-collapse-toggle');
  await expect(groups.first()).toBeVisible(patiently);
  for (const group of await groups.all()) {
    await group.click();
  }
  // Of one that is critical and one that is a warning, all that a person is told.
  for (const [node, condition] of [
    ['Suspended', 'suspended'],
    ['Warned', 'audit_failed'],
  ]) {
    const alert = page
      .getByTestId('row')
      .filter({ has: page.getByText(node, { exact: true }) })
      .filter({ has: page.getByText(condition, { exact: true }) });
    await alert.getByRole('button', { name: 'Expand row' }).first().click();
  }
  await expect(page.getByText('is currently SUSPENDED on').first()).toBeVisible();
  await expect(page.getByText('failed audits left until disqualification').first()).toBeVisible();
  await page.mouse.move(0, 0);
  await expect(page.getByRole('tooltip')).toHaveCount(0);
  const file = path.resolve('docs', 'img', 'alerts.png');
  await page.screenshot({ path: file, animations: 'disabled' });
  shrink(file);
});
