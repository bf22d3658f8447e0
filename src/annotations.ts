import { type AnnotationQuery, type AnnotationSupport } from '@grafana/data';

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
