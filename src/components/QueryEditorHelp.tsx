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

interface Group {
  title: string;
  examples: Example[];
}

const GROUPS: Group[] = [
  {
    title: 'Whether to worry',
    examples: [
      {
        title: 'Is all well?',
        explanation: 'One line for a stat panel: what is wrong, and how many nodes are not watched.',
        query: { queryType: 'verdict', format: 'table' },
      },
      {
        title: 'What is wrong, and what to do?',
        explanation: 'The conditions that are raised, the gravest first, each with its message and since when.',
        query: { queryType: 'conditions', format: 'table' },
      },
      {
        title: 'How grave is each condition, for an alert rule?',
        explanation: 'A number for each node, satellite and condition: 2 is a warning, 3 is critical.',
        query: { queryType: 'conditions', kinds: ['audit_failed', 'audit_risk'], format: 'severity' },
      },
      {
        title: 'The words of an alert',
        explanation: 'The same rows with title and message as labels, for a second query of the rule.',
        query: { queryType: 'conditions', kinds: ['audit_failed', 'audit_risk'], format: 'text' },
      },
      {
        title: 'The history of conditions',
        explanation: 'For a state timeline: when each was raised, how grave it was, and when it cleared.',
        query: { queryType: 'conditions', format: 'timeseries' },
      },
      {
        title: 'Every node in one row',
        explanation: 'The worst first: status, what is left, success and traffic of the last 24 hours.',
        query: { queryType: 'fleet', format: 'table' },
      },
      {
        title: 'The top of a dashboard',
        explanation: 'One row: nodes that are up, the smallest budgets, and how current all of it is.',
        query: { queryType: 'overview', format: 'table' },
      },
      {
        title: 'Is every node there?',
        explanation: 'One row for each node: connected since when, the last error, version, disk, estimated payout.',
        query: { queryType: 'nodes', format: 'table' },
      },
    ],
  },
  {
    title: 'Reputation',
    examples: [
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
        explanation: 'A regular expression stands between slashes, in every field.',
        query: { queryType: 'reputation', nodes: ['/^attic-/'], metrics: ['health_percent'], format: 'instant' },
      },
      {
        title: 'What led to a disqualification?',
        explanation: 'Of each: the scores, failed audits, restarts and errors of the seven days before.',
        query: { queryType: 'post_mortems', format: 'table' },
      },
    ],
  },
  {
    title: 'Traffic',
    examples: [
      {
        title: 'How fast are uploads and downloads?',
        explanation: 'One line for each node and action.',
        query: { queryType: 'traffic', metrics: ['bytes_per_second'], format: 'timeseries' },
      },
      {
        title: 'Which share of downloads succeeds, by satellite?',
        explanation: 'Of all that ended: a race lost to faster nodes is no success.',
        query: {
          queryType: 'traffic',
          metrics: ['success_percent'],
          actions: ['GET'],
          groupBy: ['satellite'],
          format: 'timeseries',
        },
      },
      {
        title: 'How do audits and repairs end?',
        explanation: 'Counted over the dashboard’s time range.',
        query: {
          queryType: 'traffic',
          metrics: ['operations'],
          actions: ['GET_AUDIT', '/REPAIR/'],
          groupBy: ['node', 'action', 'outcome'],
          format: 'table',
        },
      },
      {
        title: 'How much was transferred in all?',
        explanation: 'One number for all nodes over the dashboard’s time range.',
        query: { queryType: 'traffic', metrics: ['bytes'], groupBy: ['total'], format: 'instant' },
      },
    ],
  },
  {
    title: 'Time',
    examples: [
      {
        title: 'How long do downloads take?',
        explanation: 'Half of them take less than p50, one in a hundred more than p99. It needs the log’s level DEBUG.',
        query: {
          queryType: 'latency',
          metrics: ['p50_seconds', 'p99_seconds'],
          actions: ['GET'],
          format: 'timeseries',
        },
      },
      {
        title: 'How long do audits take, as a heat map?',
        explanation: 'How many took how long in each step, of all nodes together.',
        query: { queryType: 'latency', actions: ['GET_AUDIT'], format: 'heatmap' },
      },
      {
        title: 'The slowest transfers',
        explanation: 'One row for each, with its node, satellite and piece.',
        query: { queryType: 'slow_operations', format: 'table' },
      },
    ],
  },
  {
    title: 'Space',
    examples: [
      {
        title: 'When are the disks full?',
        explanation: 'Days until then, if it goes on as in the last week.',
        query: { queryType: 'capacity', metrics: ['days_until_full'], format: 'instant' },
      },
      {
        title: 'How full are the disks?',
        explanation: 'What is used and what is free, over time.',
        query: { queryType: 'capacity', metrics: ['used_bytes', 'free_bytes'], format: 'timeseries' },
      },
      {
        title: 'What does each satellite pay for?',
        explanation: 'The bytes that it says it stores here.',
        query: { queryType: 'satellite_storage', metrics: ['paid_bytes'], format: 'timeseries' },
      },
      {
        title: 'Where does the space go?',
        explanation: 'Paid, stored, not yet collected, trash: why the numbers differ.',
        query: { queryType: 'storage_breakdown', format: 'table' },
      },
    ],
  },
  {
    title: 'What happened, and what goes on',
    examples: [
      {
        title: 'Events',
        explanation: 'Restarts, failed pings, lost pieces and more, the newest first. As annotations too.',
        query: { queryType: 'events', format: 'table' },
      },
      {
        title: 'Errors in the logs',
        explanation: 'Those that say the same are counted together.',
        query: { queryType: 'errors', format: 'table' },
      },
      {
        title: 'Filewalkers',
        explanation: 'For each node and satellite: running, finished, failed, and how long it took.',
        query: { queryType: 'filewalkers', format: 'table' },
      },
      {
        title: 'Compactions of the hashstore',
        explanation: 'Those under way and the last ones, with what they rewrote.',
        query: { queryType: 'compactions', format: 'table' },
      },
      {
        title: 'Migration to the hashstore',
        explanation: 'How far it is for each satellite.',
        query: { queryType: 'migration', format: 'table' },
      },
      {
        title: 'Traffic as it happens',
        explanation: 'Each node’s rates every second, while somebody looks.',
        query: { queryType: 'live', kinds: ['traffic'], format: 'table' },
      },
      {
        title: 'A node’s log as it is written',
        explanation: 'Line by line, for a table or the logs panel.',
        query: { queryType: 'live', kinds: ['log'], nodes: ['$node'], format: 'table' },
      },
    ],
  },
];

export const EXAMPLES: Example[] = GROUPS.flatMap(({ examples }) => examples);

export function QueryEditorHelp({ query: current, onClickExample }: QueryEditorHelpProps<StorjQuery>) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.help}>
      <h2>Storj Node Monitor cheat sheet</h2>
      <p>
        A query asks for one kind of thing. Where nodes, satellites or metrics are left empty, it is about all of them.
      </p>
      {GROUPS.map((group) => (
        <section key={group.title} aria-label={group.title}>
          <h3 className={styles.group}>{group.title}</h3>
          <ul className={styles.list}>
            {group.examples.map(({ title, explanation, query }) => (
              <li key={title} className={styles.example}>
                <h4 className={styles.title}>{title}</h4>
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
        </section>
      ))}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  help: css({ padding: theme.spacing(1, 0) }),
  group: css({ fontSize: theme.typography.h4.fontSize, margin: theme.spacing(2, 0, 1) }),
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
