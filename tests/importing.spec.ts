import { expect, test } from '@playwright/test';

import { complaintsOf, dashboards, isEmpty, isFilled, PLUGIN, provisionedDataSource } from './grafana';

// In an organisation of its own, where nothing is provisioned: as a person's Grafana is who has just installed the plugin.
const asAdmin = { Authorization: `Basic ${Buffer.from('admin:admin').toString('base64')}` };

test('the dashboards are imported from the tab of the data source', async ({ browser, request, baseURL }) => {
  test.setTimeout(240_000);
  const { jsonData } = await provisionedDataSource(request);
  const created = await request.post('/api/orgs', { headers: asAdmin, data: { name: `imports ${Date.now()}` } });
  expect(created.ok(), await created.text()).toBe(true);
  const { orgId } = await created.json();
  const headers = { ...asAdmin, 'X-Grafana-Org-Id': `${orgId}` };
  try {
    const made = await request.post('/api/datasources', {
      headers,
      data: { name: 'Mine', type: PLUGIN.id, access: 'proxy', isDefault: true, jsonData: { nodes: jsonData.nodes } },
    });
    expect(made.ok(), await made.text()).toBe(true);
    const { uid } = (await made.json()).datasource;

    // With a session, as a person's browser has one: what is live comes through a connection that has its cookie, and none
    // of the headers above.
    const context = await browser.newContext({ baseURL, viewport: { width: 1440, height: 3600 } });
    const loggedIn = await context.request.post('/login', { data: { user: 'admin', password: 'admin' } });
    expect(loggedIn.ok(), await loggedIn.text()).toBe(true);
    const changed = await context.request.post(`/api/user/using/${orgId}`);
    expect(changed.ok(), await changed.text()).toBe(true);
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    await page.goto(`/connections/datasources/edit/${uid}/dashboards?orgId=${orgId}`);
    for (const { title } of dashboards) {
      const row = page.getByRole('row').filter({ has: page.getByText(title, { exact: true }) });
      await row.getByRole('button', { name: 'Import' }).click();
      await expect(row.getByRole('button', { name: /^(Re-import|Update)$/ })).toBeVisible();
    }
    for (const dashboard of dashboards) {
      await page.goto(`/d/${dashboard.uid}?orgId=${orgId}`);
      await isFilled(page);
      await expect(page.getByTestId('data-testid Panel status error'), dashboard.title).toHaveCount(0);
      await expect(page.getByText(isEmpty), dashboard.title).toHaveCount(0);
    }
    expect(complaints).toEqual([]);
    await context.close();
  } finally {
    await request.post('/api/user/using/1', { headers: asAdmin });
    await request.delete(`/api/orgs/${orgId}`, { headers: asAdmin });
  }
});
