import { type StorjVariableQuery, type VariableKind } from './types';

/** What a variable can list. */
export const VARIABLE_KINDS: Array<{ value: VariableKind; label: string; description: string }> = [
  { value: 'nodes', label: 'Nodes', description: 'The names of the nodes.' },
  { value: 'satellites', label: 'Satellites', description: 'The short names of the satellites, such as us1.' },
  { value: 'conditions', label: 'Conditions', description: 'The codes of the conditions, such as audit_failed.' },
  { value: 'actions', label: 'Actions', description: 'What transfers are for, such as GET_AUDIT.' },
  { value: 'outcomes', label: 'Outcomes', description: 'How transfers end, such as canceled.' },
];

/**
 * Reads a variable's query in any form it can have: the editor's, or words as a hand-written dashboard has them: those
 * above, and "satellites($node)".
 */
export function toVariableQuery(query: StorjVariableQuery | string | undefined): StorjVariableQuery {
  const refId = 'StorjVariableQuery';
  if (typeof query === 'string') {
    const words = /^\s*satellites\s*(?:\(\s*(.*?)\s*\))?\s*$/.exec(query);
    if (words) {
      const nodes = words[1] ? words[1].split(',').map((node) => node.trim()) : [];
      return { refId, queryType: 'satellites', nodes };
    }
    const kind = VARIABLE_KINDS.find(({ value }) => value === query.trim());
    return { refId, queryType: kind?.value ?? 'nodes' };
  }
  return { ...query, refId: query?.refId ?? refId, queryType: query?.queryType ?? 'nodes' };
}

/** The query in one line, as the list of variables shows it. */
export function variableText(query: StorjVariableQuery): string {
  if (query.queryType === 'satellites' && query.nodes?.length) {
    return `Satellites of ${query.nodes.join(', ')}`;
  }
  return VARIABLE_KINDS.find(({ value }) => value === query.queryType)?.label ?? 'Nodes';
}
