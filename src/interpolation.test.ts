import { expandList } from './interpolation';

/** Replaces like Grafana: a function gets the values, 'regex' makes an escaped alternative. */
function replaceWith(variables: Record<string, string | string[]>, allValues: Record<string, string> = {}) {
  return (text = '', _scoped?: unknown, format?: string | Function) =>
    text.replace(/\$\{?(\w+)\}?/g, (reference, name: string) => {
      if (name in allValues) {
        return allValues[name];
      }
      if (!(name in variables)) {
        return reference;
      }
      const value = variables[name];
      if (typeof format === 'function') {
        return format(value);
      }
      if (format === 'regex') {
        const escaped = [value].flat().map((v) => v.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
        return escaped.length > 1 ? `(${escaped.join('|')})` : escaped[0];
      }
      return [value].flat().join(',');
    });
}

describe('expandList', () => {
  const replace = replaceWith(
    {
      one: 'attic-1',
      many: ['attic-1', 'Kölner Keller, links', 'a"b'],
      metric: ['audit', 'online'],
      none: '',
      noneOfMany: [],
      dotted: ['node.1', 'node.2'],
      pattern: '/^attic/',
    },
    { customAll: '.*' }
  );

  it.each<[string, string[] | undefined, string[]]>([
    ['nothing', undefined, []],
    ['an empty list', [], []],
    ['plain names', ['a', 'b'], ['a', 'b']],
    ['a variable with one value', ['$one'], ['attic-1']],
    ['a variable in braces', ['${one}'], ['attic-1']],
    ['each value as an entry of its own, whatever it holds', ['$many'], ['attic-1', 'Kölner Keller, links', 'a"b']],
    ['values inside other text', ['${metric}_score_percent'], ['audit_score_percent', 'online_score_percent']],
    [
      'every combination of two variables',
      ['${metric}-${dotted}'],
      ['audit-node.1', 'audit-node.2', 'online-node.1', 'online-node.2'],
    ],
    ['no value twice', ['attic-1', '$many'], ['attic-1', 'Kölner Keller, links', 'a"b']],
    ['a regular expression with escaped values', ['/^${dotted}$/'], ['/^(node\\.1|node\\.2)$/']],
    ['a variable that holds a regular expression', ['$pattern'], ['/^attic/']],
    ['All with a custom value as all', ['eu1', '$customAll'], []],
    ['a regular expression that was written, even for all', ['/.*/'], ['/.*/']],
    ['a name between others, blanks trimmed', [' a ', '', ' '], ['a']],
  ])('gives %s', (_, list, expected) => {
    expect(expandList(list, replace as never)).toEqual(expected);
  });

  it.each([['$none'], ['$noneOfMany'], ['$unknown']])('never makes "all" of %s, which has no value', (entry) => {
    expect(expandList([entry], replace as never)).toEqual([entry]);
  });

  it('passes the scoped variables on', () => {
    const spy = jest.fn().mockReturnValue('x');
    const scoped = { node: { value: 'a', text: 'a' } };
    expandList(['$node'], spy, scoped);
    expect(spy).toHaveBeenCalledWith('$node', scoped, expect.any(Function));
  });
});
