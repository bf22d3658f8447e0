import {
  DEFAULT_THRESHOLDS,
  freeName,
  gravest,
  logOf,
  logSourceOf,
  outOfBounds,
  shownNode,
  THRESHOLDS,
  tidyNode,
  withKey,
} from './settings';

describe('shownNode', () => {
  it.each([
    ['My-Node:/var/log/storagenode.log', { name: 'My-Node', log: '/var/log/storagenode.log' }],
    [
      'My-Node:/var/log/storagenode.log:http://localhost:14002',
      { name: 'My-Node', log: '/var/log/storagenode.log', api: 'http://localhost:14002' },
    ],
    [
      'Remote:192.168.1.100:9999:http://192.168.1.100:14002',
      { name: 'Remote', log: '192.168.1.100:9999', api: 'http://192.168.1.100:14002' },
    ],
    ['Api::http://host:14002', { name: 'Api', log: '', api: 'http://host:14002' }],
    ['Docked:docker://storagenode', { name: 'Docked', log: 'docker://storagenode' }],
    [
      'Docked:docker://storagenode@unix:///var/run/docker.sock:http://localhost:14002',
      { name: 'Docked', log: 'docker://storagenode@unix:///var/run/docker.sock', api: 'http://localhost:14002' },
    ],
    [
      'Docked:docker://storagenode@tcp://10.0.0.5:2375:http://10.0.0.5:14002',
      { name: 'Docked', log: 'docker://storagenode@tcp://10.0.0.5:2375', api: 'http://10.0.0.5:14002' },
    ],
    ['Nothing', { name: 'Nothing' }],
  ])('cuts %s', (spec, node) => {
    expect(shownNode(spec)).toEqual(node);
  });

  it('leaves an object as it is', () => {
    const node = { name: 'a', log: '/a.log' };
    expect(shownNode(node)).toBe(node);
  });
});

describe('tidyNode', () => {
  it('drops what says nothing, and keeps the key and what it does not know', () => {
    const node = {
      name: ' a ',
      log: ' /a.log ',
      api: '',
      debug: ' ',
      key: 'old-name',
      retired: false,
      maintenanceUntil: '',
      mutedSatellites: {},
      thresholds: { auditWarning: undefined },
      later: 1,
    };
    expect(tidyNode(node)).toEqual({ name: 'a', log: '/a.log', key: 'old-name', later: 1 });
  });

  it('keeps a threshold of 0', () => {
    expect(tidyNode({ name: 'a', thresholds: { auditWarning: 0 } }).thresholds).toEqual({ auditWarning: 0 });
  });
});

describe('withKey', () => {
  it('sets, removes, and leaves nothing behind', () => {
    expect(withKey({ a: 1 } as { a?: number; b?: number }, 'b', 2)).toEqual({ a: 1, b: 2 });
    expect(withKey({ a: 1, b: 2 } as { a?: number; b?: number }, 'b', undefined)).toEqual({ a: 1 });
    expect(withKey({ a: 1 } as { a?: number }, 'a', undefined)).toBeUndefined();
  });
});

describe('outOfBounds', () => {
  const bounds = { min: 1, max: 60, preset: 10, whole: true };
  it.each([
    [undefined, undefined],
    [1, undefined],
    [60, undefined],
    [0, 'Write a number from 1 to 60.'],
    [61, 'Write a number from 1 to 60.'],
    [1.5, 'Write a whole number.'],
  ])('judges %s', (value, complaint) => {
    expect(outOfBounds(value, bounds)).toBe(complaint);
  });
});

describe('THRESHOLDS', () => {
  it.each(Object.entries(THRESHOLDS))('has defaults that are within the bounds: %s', (key, bounds) => {
    expect(outOfBounds(bounds.preset, bounds)).toBeUndefined();
    expect(DEFAULT_THRESHOLDS).toHaveProperty(key, bounds.preset);
    if (bounds.notAbove) {
      expect(bounds.preset).toBeLessThanOrEqual(THRESHOLDS[bounds.notAbove].preset);
    }
  });
});

describe('gravest', () => {
  it('finds the worst', () => {
    expect(gravest(['ok', 'warning', 'info'])).toBe('warning');
    expect(gravest(['warning', 'error', 'ok'])).toBe('error');
    expect(gravest([])).toBe('ok');
  });
});

describe('logSourceOf', () => {
  it.each([
    [undefined, { kind: 'none' }],
    ['/var/log/a.log', { kind: 'file', path: '/var/log/a.log' }],
    ['C:\\logs\\a.log', { kind: 'file', path: 'C:\\logs\\a.log' }],
    ['./odd:14002/a.log', { kind: 'file', path: './odd:14002/a.log' }],
    ['host:9999', { kind: 'tcp', address: 'host:9999' }],
    ['[::1]:9999', { kind: 'tcp', address: '[::1]:9999' }],
    ['docker://node', { kind: 'docker', container: 'node', daemon: '' }],
    ['docker://node@tcp://h:2375', { kind: 'docker', container: 'node', daemon: 'tcp://h:2375' }],
    ['docker://node@unix:///run/d.sock', { kind: 'docker', container: 'node', daemon: 'unix:///run/d.sock' }],
  ])('takes %s apart, and logOf puts it together', (log, source) => {
    expect(logSourceOf(log)).toEqual(source);
    expect(logOf(logSourceOf(log))).toBe(log);
  });

  it('gives nothing of what is not complete', () => {
    expect(logOf({ kind: 'docker', container: ' ', daemon: 'tcp://h:2375' })).toBeUndefined();
    expect(logOf({ kind: 'file', path: ' ' })).toBeUndefined();
  });
});

describe('freeName', () => {
  it('counts on until nobody has the name', () => {
    expect(freeName('a', ['b'])).toBe('a');
    expect(freeName('a', ['a', 'a-2'])).toBe('a-3');
  });
});
