import { css } from '@emotion/css';
import React from 'react';
import { type GrafanaTheme2, type QueryEditorHelpProps } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';

import { queryText } from '../queryModel';
import { type StorjQuery } from '../types';

interface Example {
  title: string;
  explanation: string;
  query: Omit<StorjQuery, 'refId'>;
}

export const EXAMPLES: Example[] = [
  {
    title: 'How many failed audits are left?',
    explanation:
      'A satellite disqualifies a node for ever when its audit score falls to 96 %. This is the number of failed audits in a row that it takes, for each node and satellite.',
    query: { queryType: 'reputation', metrics: ['failed_audits_left'], format: 'instant' },
  },
  {
    title: 'How long may a node be offline?',
    explanation: 'Below an online score of 60 % a satellite suspends the node. This is the time left until then.',
    query: { queryType: 'reputation', metrics: ['downtime_left_seconds'], format: 'instant' },
  },
  {
    title: 'The three scores over time',
    explanation: 'The lowest value of each step, so a short dip is seen however far you zoom out.',
    query: {
      queryType: 'reputation',
      metrics: ['audit_score_percent', 'suspension_score_percent', 'online_score_percent'],
      format: 'timeseries',
    },
  },
  {
    title: 'Everything that the satellites say, as a table',
    explanation: 'One row for each node and satellite: scores, what is left, suspensions, vetting.',
    query: { queryType: 'reputation', format: 'table' },
  },
  {
    title: 'Only the node and satellites chosen in the dashboard',
    explanation: 'A variable may have several values, or All. Make it with this data source as a query variable.',
    query: {
      queryType: 'reputation',
      nodes: ['$node'],
      satellites: ['$satellite'],
      metrics: ['online_score_percent'],
      format: 'timeseries',
    },
  },
  {
    title: 'Nodes whose name begins with "attic-"',
    explanation: 'A regular expression stands between slashes.',
    query: { queryType: 'reputation', nodes: ['/^attic-/'], metrics: ['health_percent'], format: 'instant' },
  },
  {
    title: 'Is every node there?',
    explanation: 'One row for each node: connected since when, the last error, version, disk, estimated payout.',
    query: { queryType: 'nodes', format: 'table' },
  },
];

export function QueryEditorHelp({ query: current, onClickExample }: QueryEditorHelpProps<StorjQuery>) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.help}>
      <h2>Storj Node Monitor cheat sheet</h2>
      <p>
        A query asks for one kind of thing. Where nodes, satellites or metrics are left empty, it is about all of them.
      </p>
      <ul className={styles.list}>
        {EXAMPLES.map(({ title, explanation, query }) => (
          <li key={title} className={styles.example}>
            <h3 className={styles.title}>{title}</h3>
            <p>{explanation}</p>
            <Button
              variant="secondary"
              size="sm"
              icon="play"
              aria-label={`Use the example: ${title}`}
              onClick={() => onClickExample({ refId: current?.refId ?? 'A', ...query })}
            >
              {queryText({ refId: 'A', ...query })}
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  help: css({ padding: theme.spacing(1, 0) }),
  list: css({
    listStyle: 'none',
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 360px), 1fr))',
    gap: theme.spacing(2),
  }),
  example: css({
    padding: theme.spacing(2),
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.secondary,
    // The query in one line may be longer than a narrow card.
    button: { height: 'auto', maxWidth: '100%', textAlign: 'left', '&, & > span': { whiteSpace: 'normal' } },
  }),
  title: css({ fontSize: theme.typography.h5.fontSize, marginBottom: theme.spacing(0.5) }),
});
