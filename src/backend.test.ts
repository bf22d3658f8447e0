import { of, throwError } from 'rxjs';

import { checkFields, fetchHealth, parseSpecs, problemText } from './backend';

const mockFetch = jest.fn();
jest.mock('@grafana/runtime', () => ({ getBackendSrv: () => ({ fetch: mockFetch }) }));

beforeEach(() => mockFetch.mockReset());

describe('fetchHealth', () => {
  it('gives the checks of a healthy data source', async () => {
    mockFetch.mockReturnValue(of({ data: { status: 'OK', details: { checks: [] } } }));
    await expect(fetchHealth('a/b')).resolves.toEqual({ status: 'OK', details: { checks: [] } });
    expect(mockFetch.mock.calls[0][0]).toMatchObject({
      url: '/api/datasources/uid/a%2Fb/health',
      showErrorAlert: false,
      headers: { 'X-Grafana-NoCache': 'true' },
    });
  });

  it('gives the checks of an unhealthy one, which come with an error status', async () => {
    const data = { status: 'ERROR', message: 'bad', details: { checks: [{ node: 'a' }] } };
    mockFetch.mockReturnValue(throwError(() => ({ status: 400, data })));
    await expect(fetchHealth('u')).resolves.toEqual(data);
  });

  it.each([
    [{ status: 500, data: { message: 'Plugin unavailable' } }, 'Plugin unavailable'],
    [{ status: 503, data: { error: 'the store is busy' } }, 'the store is busy'],
    [{ status: 502, statusText: 'Bad Gateway', data: {} }, '502 Bad Gateway'],
    [new Error('Failed to fetch'), 'Failed to fetch'],
  ])('says why there is none: %j', async (error, reason) => {
    mockFetch.mockReturnValue(throwError(() => error));
    await expect(fetchHealth('u')).rejects.toThrow(reason);
  });
});

describe('parseSpecs', () => {
  it('takes null lists', async () => {
    mockFetch.mockReturnValue(of({ data: { nodes: null, problems: null } }));
    await expect(parseSpecs('u', 'x', ['y'])).resolves.toEqual({ nodes: [], problems: [] });
    expect(mockFetch.mock.calls[0][0]).toMatchObject({
      method: 'POST',
      url: '/api/datasources/uid/u/resources/parse-specs',
      data: { specs: 'x', existing: ['y'] },
    });
  });
});

describe('checkFields', () => {
  const answer = (problems: unknown[]) => mockFetch.mockReturnValue(of({ data: { nodes: [], problems } }));

  it('asks about the log and the API apart from each other', async () => {
    answer([]);
    await checkFields('u', { name: 'a', log: '/var/log/x:14002', api: 'http://h:1' }, ['b']);
    expect(mockFetch.mock.calls[0][0].data).toEqual({
      specs: 'a:/var/log/x:14002:http://localhost:14002\nany::http://h:1',
      existing: ['b'],
    });
  });

  it('puts each problem to its field', async () => {
    answer([
      { line: 1, spec: '', field: 'source', reason: 'the port is missing', mend: 'write it' },
      { line: 2, spec: '', field: 'name', reason: 'no matter', mend: '' },
      { line: 2, spec: '', field: 'api', reason: 'later', mend: '' },
    ]);
    await expect(checkFields('u', { name: 'a', log: 'x', api: 'y' }, [])).resolves.toEqual({
      log: 'The port is missing. Write it.',
      api: 'No matter.',
    });
    answer([{ line: 1, spec: '', field: 'name', reason: 'taken', mend: '' }]);
    await expect(checkFields('u', { name: 'a', log: 'x' }, [])).resolves.toEqual({ name: 'Taken.' });
  });
});

describe('problemText', () => {
  it('makes sentences', () => {
    expect(problemText({ reason: 'it is gone', mend: 'look for it!' })).toBe('It is gone. Look for it!');
    expect(problemText({ reason: 'it is gone' })).toBe('It is gone.');
  });
});
