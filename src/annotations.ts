import { type AnnotationQuery, type AnnotationSupport, type DataFrame, type DataQueryResponse } from '@grafana/data';

import { AnnotationQueryEditor } from './components/AnnotationQueryEditor';
import { complete, defaultAnnotation, queryTypeOf } from './queryModel';
import { type StorjQuery } from './types';

/** Annotations: what happened to the nodes, and which conditions were raised, as marks on the time axis. */
export const annotationSupport: AnnotationSupport<StorjQuery> = {
  QueryEditor: AnnotationQueryEditor,
  getDefaultQuery: defaultAnnotation,
  prepareQuery: ({ target }: AnnotationQuery<StorjQuery>): StorjQuery => {
    const query = complete({ ...defaultAnnotation(), ...target, refId: target?.refId ?? 'Anno' });
    // Nothing else can be marked.
    return queryTypeOf(query)?.formats.includes('annotations') ? { ...query, format: 'annotations' } : query;
  },
};

/**
 * Ends those events at their beginning that have no end. Grafana 12 takes from the first event whether any has one, and
 * fails to draw the others.
 */
export function withEnds(response: DataQueryResponse): DataQueryResponse {
  return { ...response, data: response.data.map(withEnd) };
}

function withEnd(frame: DataFrame): DataFrame {
  const time = frame.fields?.find(({ name }) => name === 'time');
  const end = frame.fields?.find(({ name }) => name === 'timeEnd');
  if (!time || !end) {
    return frame;
  }
  const ended = { ...end, values: end.values.map((value, at) => value ?? time.values[at]) };
  return { ...frame, fields: frame.fields.map((field) => (field === end ? ended : field)) };
}
