import { expect, test } from '@grafana/plugin-e2e';

import { complaintsOf, provisionedDataSource, seriousFindings } from './grafana';

test('a panel shows the reputation of the nodes', async ({ page, panelEditPage, request }) => {
  const complaints = complaintsOf(page);
  const { name } = await provisionedDataSource(request);
  await panelEditPage.datasource.set(name);
  await panelEditPage.setVisualization('Table');
  const row = panelEditPage.getQueryEditorRow('A');
  await expect(row.getByRole('combobox', { name: 'Query type' })).toHaveValue('Reputation');
  await row.getByRole('radio', { name: 'Table' }).check({ force: true });
  await expect(panelEditPage.refreshPanel()).toBeOK();
  await expect(panelEditPage.panel.fieldNames).toContainText(['node_name', 'satellite_id', 'satellite']);
  await expect(panelEditPage.panel.data).not.toHaveCount(0);
  expect(complaints).toEqual([]);
});

test('a node is chosen by name', async ({ page, panelEditPage, request }) => {
  const { name, jsonData } = await provisionedDataSource(request);
  const node = jsonData.nodes![0].name;
  await panelEditPage.datasource.set(name);
  const row = panelEditPage.getQueryEditorRow('A');
  const asked = panelEditPage.waitForQueryDataRequest((query) =>
    (query.postData() ?? '').includes(`"nodes":[${JSON.stringify(node)}]`)
  );
  await row.getByRole('combobox', { name: 'Nodes' }).click();
  await page.getByRole('option', { name: node }).first().click();
  await asked;
});

test('nothing serious keeps anybody from using the query editor', async ({ page, panelEditPage, request }) => {
  const { name } = await provisionedDataSource(request);
  await panelEditPage.datasource.set(name);
  const row = panelEditPage.getQueryEditorRow('A');
  await expect(row.getByRole('combobox', { name: 'Query type' })).toHaveValue('Reputation');
  await row.evaluate((element) => element.setAttribute('data-audited', ''));
  expect(await seriousFindings(page, '[data-audited]')).toEqual([]);
});

test('a variable lists the nodes', async ({ variableEditPage, request }) => {
  const { name, jsonData } = await provisionedDataSource(request);
  await variableEditPage.setVariableType('Query');
  await variableEditPage.datasource.set(name);
  await variableEditPage.runQuery();
  await expect(variableEditPage).toDisplayPreviews(jsonData.nodes!.map((node) => node.name));
});

test('a variable lists the satellites of a node', async ({ page, variableEditPage, request }) => {
  const { name, jsonData } = await provisionedDataSource(request);
  const [{ name: first }] = jsonData.nodes!;
  await variableEditPage.setVariableType('Query');
  await variableEditPage.datasource.set(name);
  await page.getByRole('combobox', { name: /^Values/ }).click();
  await page.getByRole('option', { name: 'Satellites' }).first().click();
  await page.getByRole('combobox', { name: /^Of these nodes/ }).click();
  const asked = page.waitForRequest((one) => one.url().includes(`/resources/satellites?node=${first}`));
  await page.getByRole('option', { name: first }).first().click();
  await variableEditPage.runQuery();
  await asked;
  await expect(variableEditPage).toDisplayPreviews(['ap1', 'eu1', 'saltlake', 'us1']);
});

test('an annotation marks what happened', async ({ page, annotationEditPage, request }) => {
  const complaints = complaintsOf(page);
  const { name } = await provisionedDataSource(request);
  await annotationEditPage.datasource.set(name);
  await expect(page.getByRole('combobox', { name: 'Query type' })).toBeVisible();
  const asked = annotationEditPage.waitForQueryDataRequest((query) =>
    (query.postData() ?? '').includes('"format":"annotations"')
  );
  await expect(annotationEditPage.runQuery()).toBeOK();
  await asked;
  expect(complaints).toEqual([]);
});

test('an alert rule is made by hand, and evaluated', async ({ page, alertRuleEditPage, request }) => {
  const complaints = complaintsOf(page);
  const { name } = await provisionedDataSource(request);
  await alertRuleEditPage.alertRuleNameField.fill('by hand');
  const row = await alertRuleEditPage.getQueryRow();
  await row.datasource.set(name);
  // What a new rule asks for is a number that its condition can read, and the hint says how.
  await expect(page.getByRole('combobox', { name: 'Query type' })).toHaveValue('Reputation');
  await expect(page.getByRole('radio', { name: 'Instant' })).toBeChecked();
  await expect(page.getByText(/let the condition fire when it is below a number/)).toBeVisible();
  await expect(alertRuleEditPage.evaluate()).toBeOK();
  await expect(page.getByText(/^(Alerting|Firing|Normal)/).first()).toBeVisible();
  expect(complaints).toEqual([]);
});
