import { type DataFrame, FieldType, type DataQueryResponse } from '@grafana/data';
import { type BackendSrv, setBackendSrv } from '@grafana/runtime';
import { of, throwError } from 'rxjs';

import { withRules } from './ruleWatch';

const fetch = jest.fn();
setBackendSrv({ fetch } as unknown as BackendSrv);

// What is known is kept for a minute, so each test comes two minutes after the one before.
let now = 0;

beforeEach(() => {
  now += 120_000;
  jest.spyOn(Date, 'now').mockReturnValue(now);
  fetch.mockReset();
});

const overview = (severity: number): DataQueryResponse => ({
  data: [
    {
      name: 'overview',
      length: 1,
      fields: [
        { name: 'nodes_text', type: FieldType.string, config: {}, values: ['All 2 up'] },
        { name: 'watch_severity', type: FieldType.number, config: {}, values: [severity] },
        { name: 'watch_text', type: FieldType.string, config: {}, values: ['Oldest poll 2 s ago'] },
      ],
    },
  ],
});

const rules = (...uids: string[][]) =>
  of({ data: { data: { groups: [{ rules: uids.map((queriedDatasourceUIDs) => ({ queriedDatasourceUIDs })) }] } } });

const tile = async (severity: number) => {
  const { data } = await withRules(overview(severity), 'storj');
  const [frame] = data as DataFrame[];
  return frame.fields.map(({ values }) => values[0]);
};

it.each([
  ['some', rules(['storj'], ['other', 'storj'], ['other']), 0, [0, 'Oldest poll 2 s ago. 2 alert rules']],
  ['one', rules(['storj']), 2, [2, 'Oldest poll 2 s ago. 1 alert rule']],
  ['none', rules(['other']), 0, [2, 'No alert rule asks this data source: nobody will be told. Oldest poll 2 s ago']],
  [
    'none, and something graver',
    rules(),
    3,
    [3, 'No alert rule asks this data source: nobody will be told. Oldest poll 2 s ago'],
  ],
  [
    'no alerting',
    throwError(() => ({ status: 404 })),
    0,
    [2, 'Alerting is off in this Grafana: nobody will be told. Oldest poll 2 s ago'],
  ],
  [
    'who may not see them',
    throwError(() => ({ status: 403 })),
    0,
    [-1, 'Whether there are alert rules cannot be seen. Oldest poll 2 s ago'],
  ],
  [
    'who may not see them, and trouble',
    throwError(() => ({ status: 403 })),
    2,
    [2, 'Whether there are alert rules cannot be seen. Oldest poll 2 s ago'],
  ],
])('the watch says of the alert rules: %s', async (_, answer, severity, want) => {
  fetch.mockReturnValue(answer);
  expect(await tile(severity)).toEqual(['All 2 up', ...want]);
});

it('asks Grafana once for all panels of a dashboard', async () => {
  fetch.mockReturnValue(rules(['storj']));
  await Promise.all([tile(0), tile(0)]);
  await tile(0);
  expect(fetch).toHaveBeenCalledTimes(1);
});

it('asks Grafana nothing for other answers', async () => {
  const other = { data: [{ name: 'verdict', length: 0, fields: [] }] };
  expect(await withRules(other, 'storj')).toBe(other);
  expect(fetch).not.toHaveBeenCalled();
});
