import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { AxeBuilder } from '@axe-core/playwright';
import { type APIRequestContext, type ConsoleMessage, expect, type Page } from '@playwright/test';

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

export interface Dashboard {
  uid: string;
  title: string;
  panels: Array<{ type: string; title: string }>;
}

const folder = path.resolve('src', 'dashboards');

/** The dashboards that come with the plugin. */
export const dashboards = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Dashboard);

/** What Grafana says in a panel without data that does not say itself why. */
export const isEmpty = /^(No data|Data does not have a time field|Data is missing a .* field|No graphable fields)\b/;

/** Waits until a dashboard asks nothing any more, which can last where others need the machine. */
export async function isFilled(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { level: 2 }).first()).toBeVisible();
  // Between the panels that have their answers and those whose turn comes, there is a moment without a bar.
  await page.waitForLoadState('networkidle');
  await expect(page.getByRole('button', { name: 'Cancel', exact: true })).toHaveCount(0, { timeout: 120_000 });
  await expect(page.getByLabel('Panel loading bar')).toHaveCount(0, { timeout: 120_000 });
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

/** What keeps people from using a part of the page, as far as axe can tell. */
export async function seriousFindings(page: Page, part: string): Promise<string[]> {
  // What is left out is the arrow of Grafana's own Combobox.
  const grafanasOwn = '[id^="downshift-"][id$="-toggle-button"]';
  const { violations } = await new AxeBuilder({ page }).include(part).exclude(grafanasOwn).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
