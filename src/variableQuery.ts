import { type StorjVariableQuery } from './types';

/**
 * Reads a variable's query in any form it can have: the editor's, or the words "nodes",
 * "satellites" and "satellites($node)" as a hand-written dashboard has them.
 */
export function toVariableQuery(query: StorjVariableQuery | string | undefined): StorjVariableQuery {
  const refId = 'StorjVariableQuery';
  if (typeof query === 'string') {
    const words = /^\s*(nodes|satellites)\s*(?:\(\s*(.*?)\s*\))?\s*$/.exec(query);
    if (words?.[1] === 'satellites') {
      const nodes = words[2] ? words[2].split(',').map((node) => node.trim()) : [];
      return { refId, queryType: 'satellites', nodes };
    }
    return { refId, queryType: 'nodes' };
  }
  return { ...query, refId: query?.refId ?? refId, queryType: query?.queryType ?? 'nodes' };
}

/** The query in one line, as the list of variables shows it. */
export function variableText(query: StorjVariableQuery): string {
  if (query.queryType !== 'satellites') {
    return 'Nodes';
  }
  return query.nodes?.length ? `Satellites of ${query.nodes.join(', ')}` : 'Satellites';
}
