import { expect, test } from '@grafana/plugin-e2e';

import { complaintsOf, provisionedDataSource } from './grafana';

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

test('a variable lists the nodes', async ({ variableEditPage, request }) => {
  const { name, jsonData } = await provisionedDataSource(request);
  await variableEditPage.setVariableType('Query');
  await variableEditPage.datasource.set(name);
  await variableEditPage.runQuery();
  await expect(variableEditPage).toDisplayPreviews(jsonData.nodes!.map((node) => node.name));
});
