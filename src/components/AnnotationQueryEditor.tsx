import React, { type ComponentProps } from 'react';
import { type AnnotationQuery } from '@grafana/data';

import { complete, defaultAnnotation } from '../queryModel';
import { type StorjQuery } from '../types';
import { QueryEditor } from './QueryEditor';

type Props = ComponentProps<typeof QueryEditor> & {
  annotation?: AnnotationQuery<StorjQuery>;
  onAnnotationChange?: (annotation: AnnotationQuery<StorjQuery>) => void;
};

/** What a dashboard marks on its time axis: events or conditions, chosen as in a query. */
export function AnnotationQueryEditor({ query, annotation: _, onAnnotationChange: __, ...rest }: Props) {
  const asked = complete({ ...defaultAnnotation(), ...query });
  return <QueryEditor {...rest} query={asked} forAnnotations />;
}
