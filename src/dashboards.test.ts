import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import plugin from './plugin.json';
import { listOf, QUERY_TYPES, queryTypeOf } from './queryModel';
import { type StorjQuery } from './types';
import { VARIABLE_KINDS } from './variableQuery';

/** The dashboards that come with the plugin: that they ask for what there is, and are whole. */

const folder = path.join(__dirname, 'dashboards');

interface Target extends StorjQuery {
  datasource: { type: string; uid: string };
}

interface Link {
  title: string;
  url: string;
}

interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { type: string; uid: string };
  targets?: Target[];
  fieldConfig?: { defaults: { noValue?: string } };
}

interface Variable {
  name: string;
  type: string;
  query: string | { queryType: string; nodes?: string[] };
  datasource?: { uid: string };
}

interface Dashboard {
  uid: string;
  title: string;
  description: string;
  schemaVersion: number;
  tags: string[];
  links: Link[];
  panels: Panel[];
  templating: { list: Variable[] };
  annotations: { list: Array<{ name: string; target?: StorjQuery; datasource: { uid: string } }> };
}

const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
const texts = new Map(files.map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]));
const dashboards = new Map([...texts].map(([file, text]) => [file, JSON.parse(text) as Dashboard]));
const uids = [...dashboards.values()].map(({ uid }) => uid);

const ownSource = { type: plugin.id, uid: '${datasource}' };

test('the plugin brings all dashboards, by their titles', () => {
  const included = plugin.includes.filter(({ type }) => type === 'dashboard');
  expect(included.map((one) => [one.path, one.name]).sort()).toEqual(
    [...dashboards].map(([file, { title }]) => [`dashboards/${file}`, title]).sort()
  );
  expect(included.every((one) => existsSync(path.join(__dirname, one.path)))).toBe(true);
  expect([...new Set(uids)]).toEqual(uids);
});

describe.each([...dashboards])('%s', (file, dashboard) => {
  const text = texts.get(file) ?? '';
  const variables = dashboard.templating.list;
  const names = variables.map(({ name }) => name);
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  const targets = panels.flatMap(({ title, targets }) => (targets ?? []).map((target) => ({ title, target })));

  test('has a name that stays, and nothing that an import would have to ask for', () => {
    expect(dashboard.uid).toBe(`storagenode-monitor-${path.basename(file, '.json')}`);
    expect(dashboard.title).toBeTruthy();
    expect(dashboard.description).toBeTruthy();
    expect(dashboard.tags).toEqual(['storj']);
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(41);
    for (const key of ['__inputs', '__requires', '__elements', 'id', 'apiVersion']) {
      expect(dashboard).not.toHaveProperty(key);
    }
  });

  test('chooses by data source, node and satellite', () => {
    expect(names.slice(0, 3)).toEqual(['datasource', 'node', 'satellite']);
    expect(variables[0]).toMatchObject({ type: 'datasource', query: plugin.id });
    for (const variable of variables.slice(1)) {
      expect(variable).toMatchObject({ type: 'query', datasource: ownSource });
      const { queryType } = variable.query as { queryType: string };
      expect(VARIABLE_KINDS.map(({ value }) => value as string)).toContain(queryType);
    }
    expect(variables[2].query).toMatchObject({ queryType: 'satellites', nodes: ['$node'] });
  });

  test('uses only variables that it has', () => {
    const own = new Set([...names, '__data', '__value', '__url_time_range', '__field', '__series']);
    const used = [...text.matchAll(/\$\{?([A-Za-z_]+)/g)].map(([, name]) => name);
    expect(used.filter((name) => !own.has(name) && name !== '__all')).toEqual([]);
  });

  test('has panels that say what they show, and why they are empty', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect([...new Set(ids)]).toEqual(ids);
    expect(panels.length).toBeGreaterThan(0);
    for (const panel of panels) {
      expect(`${panel.title}: ${panel.description ?? ''}`).toMatch(/^.+: .{20,}$/s);
      expect(`${panel.title}: ${panel.fieldConfig?.defaults.noValue ?? ''}`).toMatch(/^.+: .{5,}$/s);
      expect(panel).toMatchObject({ datasource: ownSource });
      expect(panel.targets?.length).toBeGreaterThan(0);
    }
  });

  test('has panels that do not cover each other', () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect([title, taken.get(`${x},${y}`)]).toEqual([title, undefined]);
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });

  test('asks only for what there is', () => {
    const notes = dashboard.annotations.list.flatMap(({ name, target, datasource }) => {
      if (datasource.uid === '-- Grafana --') {
        return [];
      }
      expect(datasource).toEqual(ownSource);
      return target ? [{ title: name, target: target as Target }] : [];
    });
    for (const { title, target } of [...targets, ...notes]) {
      const type = queryTypeOf(target);
      expect([title, QUERY_TYPES.map(({ value }) => value)]).toEqual([
        title,
        expect.arrayContaining([target.queryType]),
      ]);
      expect(type?.formats).toContain(target.format);
      expect(target.nodes).toEqual(['$node']);
      expect([title, target.satellites]).toEqual([title, type?.satellites ? ['$satellite'] : undefined]);
      for (const list of ['metrics', 'groupBy', 'actions', 'outcomes', 'kinds'] as const) {
        const known = listOf(type, list)?.choices.map(({ value }) => value) ?? [];
        const wrong = (target[list] ?? []).filter((entry) => !entry.startsWith('$') && !known.includes(entry));
        expect([title, list, wrong]).toEqual([title, list, []]);
      }
    }
    for (const { target } of targets) {
      expect(target.datasource).toEqual(ownSource);
    }
    const refs = panels.map(({ targets }) => targets?.map(({ refId }) => refId));
    expect(refs.every((one) => new Set(one).size === one?.length)).toBe(true);
  });

  test('links to what exists', () => {
    const linked = [...text.matchAll(/"(?:url)": "([^"]*)"/g)].map(([, url]) => url);
    for (const url of linked) {
      const [, uid] = /^\/d\/([^/?]+)/.exec(url) ?? [];
      expect([url, uid ? uids.includes(uid) : url.startsWith('/alerting/')]).toEqual([url, true]);
    }
    const others = uids.filter((uid) => uid !== dashboard.uid);
    const top = dashboard.links.map(({ url }) => /^\/d\/([^/?]+)/.exec(url)?.[1]).filter(Boolean);
    expect(top.sort()).toEqual(others.sort());
    // Whoever goes on keeps the data source.
    expect(
      dashboard.links
        .filter(({ url }) => url.startsWith('/d/'))
        .every(({ url }) => url.includes('${datasource:queryparam}'))
    ).toBe(true);
  });
});
