import { css } from '@emotion/css';
import React, { useMemo } from 'react';
import { type GrafanaTheme2 } from '@grafana/data';
import { ClipboardButton, useStyles2 } from '@grafana/ui';

import { formatOf } from '../queryModel';
import { type StorjQuery } from '../types';

/** The query as it is written into a provisioned dashboard or rule, to be read and copied. */
export function QueryJson({ id, query }: { id: string; query: StorjQuery }) {
  const styles = useStyles2(getStyles);
  const text = useMemo(() => JSON.stringify(asWritten(query), null, 2), [query]);
  return (
    <div id={id} className={styles.box}>
      <pre className={styles.text} tabIndex={0} aria-label="Query as JSON">
        {text}
      </pre>
      <ClipboardButton className={styles.copy} icon="copy" variant="secondary" size="sm" getText={() => text}>
        Copy
      </ClipboardButton>
    </div>
  );
}

/** Without what Grafana adds to every query, and without lists that mean all. */
function asWritten(query: StorjQuery): Partial<StorjQuery> {
  const { queryType, nodes, satellites, metrics, kinds, actions, outcomes, groupBy } = query;
  const lists = Object.entries({ nodes, satellites, metrics, kinds, actions, outcomes, groupBy });
  return {
    queryType,
    ...Object.fromEntries(lists.filter(([, list]) => list?.length)),
    format: formatOf(query),
  };
}

const getStyles = (theme: GrafanaTheme2) => ({
  box: css({ position: 'relative', maxWidth: 800 }),
  text: css({ margin: 0, fontSize: theme.typography.bodySmall.fontSize, whiteSpace: 'pre-wrap' }),
  copy: css({ position: 'absolute', top: theme.spacing(1), right: theme.spacing(1) }),
});
