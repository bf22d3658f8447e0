import { expect, test } from '@grafana/plugin-e2e';

import { complaintsOf, PLUGIN, provisionedDataSource, seriousFindings } from './grafana';

let made: string | undefined;

test.afterEach(async ({ request }) => {
  if (made) {
    await request.delete(`/api/datasources/uid/${made}`);
    made = undefined;
  }
});

test('a data source is made by hand, with a node, and its checks are seen', async ({ page, request }) => {
  const { jsonData } = await provisionedDataSource(request);
  const like = jsonData.nodes?.find(({ api }) => api);
  expect(like, 'a provisioned node with an API address').toBeTruthy();
  const complaints = complaintsOf(page);

  await page.goto('/connections/datasources/new');
  await page.getByPlaceholder(/Filter by name or type/).fill(PLUGIN.name);
  await page.getByRole('button', { name: new RegExp(PLUGIN.name) }).click();
  await expect(page.getByText('No node yet.')).toBeVisible();
  made = new URL(page.url()).pathname.split('/').pop();

  await page.getByRole('button', { name: 'Add node' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(dialog.getByText('Give the node a name, for example My-Node.')).toBeVisible();
  await dialog.getByRole('textbox', { name: /^Name/ }).fill('By-Hand');
  await dialog.getByRole('textbox', { name: /^API/ }).fill(like!.api!);
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole('row', { name: /By-Hand/ })).toContainText('not saved yet');

  await page.getByRole('button', { name: /Save & test/ }).click();
  const checks = page.getByRole('button', { name: /^Checks of By-Hand/ });
  await expect(checks).toBeVisible();
  if ((await checks.getAttribute('aria-expanded')) === 'false') {
    await checks.click();
  }
  await expect(page.getByRole('list', { name: 'Checks of By-Hand' })).toContainText('API');

  await page.reload();
  await expect(page.getByRole('row', { name: /By-Hand/ })).toContainText(like!.api!);
  // Grafana itself logs the answer of a health check that is not well.
  expect(complaints.filter((complaint) => !complaint.includes('/health'))).toEqual([]);
});

test('specs are pasted, and judged line by line', async ({ page, createDataSourceConfigPage }) => {
  const configPage = await createDataSourceConfigPage({
    type: PLUGIN.id,
    name: 'pasted',
    deleteDataSourceAfterTest: true,
  });
  made = configPage.datasource.uid;
  await page.getByRole('button', { name: 'Paste nodes' }).click();
  await page
    .getByRole('textbox', { name: /Node specs/ })
    .fill('# mine\nPasted:/var/log/pasted.log\nbroken\nPasted:/twice.log\nOther::http://192.0.2.1:14002');
  const lines = page.getByRole('list', { name: 'What was read' }).getByRole('listitem');
  await expect(lines).toHaveCount(4);
  await expect(lines.nth(0)).toContainText('Pasted');
  await expect(lines.nth(1).getByRole('img', { name: 'Cannot be added' })).toBeVisible();
  await expect(lines.nth(2)).toContainText(/line 2 has the name/i);
  await page.getByRole('button', { name: 'Add 2 nodes' }).click();
  await expect(page.getByRole('textbox', { name: /Node specs/ })).toHaveValue('broken\nPasted:/twice.log');
  await page
    .getByRole('button', { name: /^(Cancel|Close)$/ })
    .last()
    .click();
  await expect(page.getByRole('row', { name: /Pasted/ })).toBeVisible();
  await expect(page.getByRole('row', { name: /Other/ })).toBeVisible();
});

test('a provisioned data source shows its checks and cannot be changed', async ({ page, request }) => {
  const { uid, jsonData } = await provisionedDataSource(request);
  await page.goto(`/connections/datasources/edit/${uid}`);
  for (const { name } of jsonData.nodes ?? []) {
    await expect(page.getByRole('button', { name: new RegExp(`^Checks of ${escape(name)}:`) })).toBeVisible();
  }
  await expect(page.getByRole('button', { name: 'Add node' })).toHaveCount(0);
  await expect(page.getByRole('spinbutton', { name: /^API port/ })).toBeDisabled();
});

test('nothing serious keeps anybody from using the config editor', async ({
  page,
  request,
  createDataSourceConfigPage,
}) => {
  const { uid } = await provisionedDataSource(request);
  const serious = (part: string) => seriousFindings(page, part);
  await page.goto(`/connections/datasources/edit/${uid}`);
  await expect(page.getByRole('button', { name: /^Checks of/ }).first()).toBeVisible();
  expect(await serious('form')).toEqual([]);

  const configPage = await createDataSourceConfigPage({
    type: PLUGIN.id,
    name: 'for-all',
    deleteDataSourceAfterTest: true,
  });
  made = configPage.datasource.uid;
  await page.getByRole('button', { name: 'Add node' }).click();
  await page.getByRole('button', { name: 'Expand section Quiet times' }).click();
  await page.getByRole('button', { name: 'Mute a satellite' }).click();
  expect(await serious('[role=dialog]')).toEqual([]);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Paste nodes' }).click();
  await page.getByRole('textbox', { name: /Node specs/ }).fill('broken');
  await expect(page.getByRole('list', { name: 'What was read' })).toBeVisible();
  expect(await serious('[role=dialog]')).toEqual([]);
});

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
