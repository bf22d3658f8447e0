import { type APIRequestContext, type ConsoleMessage, type Page } from '@playwright/test';

import pluginJson from '../plugin.json';

/** What the tests know of the Grafana that they run in. */

export const PLUGIN = { id: pluginJson.id, name: pluginJson.name };

interface DataSource {
  uid: string;
  name: string;
  type: string;
  isDefault: boolean;
  jsonData: { nodes?: Array<{ name: string; log?: string; api?: string }> };
}

/** The data source that was provisioned with the demo's nodes. */
export function provisionedDataSource(request: APIRequestContext): Promise<DataSource> {
  return dataSource(request, true);
}

/** The one with the recorded answers of real nodes. */
export function recordedDataSource(request: APIRequestContext): Promise<DataSource> {
  return dataSource(request, false);
}

async function dataSource(request: APIRequestContext, isDefault: boolean): Promise<DataSource> {
  const all: DataSource[] = await (await request.get('/api/datasources')).json();
  const found = all.find((one) => one.type === PLUGIN.id && one.isDefault === isDefault);
  if (!found) {
    throw new Error(`this Grafana has no ${isDefault ? '' : 'second '}data source of type ${PLUGIN.id}: provision one`);
  }
  // The list leaves out nothing that is needed here, but a single one is sure to be whole.
  return (await request.get(`/api/datasources/uid/${found.uid}`)).json();
}

/** Collects what goes wrong in the page, so that a test can say at its end that nothing did. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !isGrafanasOwn(message)) {
      complaints.push(`console: ${message.text()} (${message.location().url})`);
    }
  });
  return complaints;
}

/**
 * A Grafana that cannot reach the internet misses its catalogue, and it asks of each dashboard whether it is public, which
 * one that is not answers with 404.
 */
function isGrafanasOwn(message: ConsoleMessage): boolean {
  return (
    /\/api\/gnet\/|grafana\.com|\/public-dashboards$/.test(message.location().url) ||
    /Failed to fetch plugins from catalog/.test(message.text())
  );
}
