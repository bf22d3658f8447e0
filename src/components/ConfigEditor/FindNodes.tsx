import { css } from '@emotion/css';
import React, { type FormEvent, useCallback, useEffect, useId, useRef, useState } from 'react';
import { type GrafanaTheme2 } from '@grafana/data';
import { Alert, Button, Checkbox, Field, Input, Modal, Spinner, useStyles2 } from '@grafana/ui';

import { discover, errorText } from '../../backend';
import { freeName, tidyNode } from '../../settings';
import { type Discovery, type FoundNode, type NodeSettings } from '../../types';

interface Props {
  uid: string;
  /** Those that are watched already, saved or not. */
  known: NodeSettings[];
  onAdd: (nodes: NodeSettings[]) => void;
  onDismiss: () => void;
}

type Search = { phase: 'looking' } | { phase: 'failed'; error: string } | { phase: 'found'; answer: Discovery };

/** Looks for nodes near Grafana, and offers what it found. Nothing is added that is not chosen. */
export function FindNodes({ uid, known, onAdd, onDismiss }: Props) {
  const styles = useStyles2(getStyles);
  const id = useId();
  const [docker, setDocker] = useState('');
  const [search, setSearch] = useState<Search>({ phase: 'looking' });
  const [left, setLeft] = useState<Record<number, boolean>>({});
  const latest = useRef(0);

  const look = useCallback(
    (daemon?: string) => {
      const mine = ++latest.current;
      discover(uid, daemon).then(
        (answer) => mine === latest.current && setSearch({ phase: 'found', answer }),
        (error) => mine === latest.current && setSearch({ phase: 'failed', error: errorText(error) })
      );
    },
    [uid]
  );
  useEffect(() => look(), [look]);

  const found = search.phase === 'found' ? search.answer.nodes : [];
  const offers = found.map((node) => ({ node, same: known.find((other) => isSame(node, other)) }));
  const chosen = offers.filter(({ same }, index) => !same && !left[index]).map(({ node }) => node);

  const again = (event: FormEvent) => {
    event.preventDefault();
    // The dialog lies inside the data source's own form, which Save & test submits.
    event.stopPropagation();
    setSearch({ phase: 'looking' });
    setLeft({});
    look(docker.trim() || undefined);
  };

  const add = () => {
    const taken = known.map(({ name }) => name);
    const nodes = chosen.map(({ name, log, api }) => {
      const node = tidyNode({ name: freeName(name.trim() || 'node', taken), log, api });
      taken.push(node.name);
      return node;
    });
    onAdd(nodes);
    onDismiss();
  };

  return (
    <Modal title="Find nodes" isOpen onDismiss={onDismiss} closeOnBackdropClick={false} className={styles.modal}>
      <form onSubmit={again} className={styles.search}>
        <Field
          label="Docker daemon"
          description="Where nodes run in containers: unix:///var/run/docker.sock, or tcp://host:port. Empty: only ports of this machine and of the known logs’ machines are tried."
          htmlFor={`${id}-docker`}
          noMargin
        >
          <Input
            id={`${id}-docker`}
            placeholder="unix:///var/run/docker.sock"
            value={docker}
            onChange={({ currentTarget }) => setDocker(currentTarget.value)}
          />
        </Field>
        <Button type="submit" variant="secondary" icon="search" disabled={search.phase === 'looking'}>
          Search again
        </Button>
      </form>

      <div aria-live="polite" className={styles.results}>
        {search.phase === 'looking' && (
          <div className={styles.quiet}>
            <Spinner inline /> looking for nodes…
          </div>
        )}
        {search.phase === 'failed' && (
          <Alert severity="error" title="Nodes could not be looked for">
            {search.error}. They can still be added by hand.
          </Alert>
        )}
        {search.phase === 'found' && found.length === 0 && (
          <Alert severity="info" title="No node was found">
            Add it by hand, with the address of its API or the place of its log.
          </Alert>
        )}
        {offers.length > 0 && (
          <ul className={styles.list} aria-label="Nodes that were found">
            {offers.map(({ node, same }, index) => (
              <li key={index}>
                <Checkbox
                  label={node.name}
                  description={describe(node, same)}
                  value={!same && !left[index]}
                  disabled={Boolean(same)}
                  onChange={({ currentTarget }) => setLeft({ ...left, [index]: !currentTarget.checked })}
                />
              </li>
            ))}
          </ul>
        )}
        {search.phase === 'found' && search.answer.tried.length > 0 && (
          <details className={styles.tried}>
            <summary>Where was looked ({search.answer.tried.length})</summary>
            <ul>
              {search.answer.tried.map((place, index) => (
                <li key={index}>{place}</li>
              ))}
            </ul>
          </details>
        )}
      </div>

      <Modal.ButtonRow>
        <Button variant="secondary" fill="outline" onClick={onDismiss}>
          Cancel
        </Button>
        <Button disabled={chosen.length === 0} onClick={add}>
          {chosen.length === 0 ? 'Add' : `Add ${chosen.length} ${chosen.length === 1 ? 'node' : 'nodes'}`}
        </Button>
      </Modal.ButtonRow>
    </Modal>
  );
}

function isSame(found: FoundNode, known: NodeSettings): boolean {
  const plain = (address: string | undefined) => (address ?? '').replace(/\/+$/, '').toLowerCase();
  return (
    (Boolean(found.api) && plain(found.api) === plain(known.api)) || (Boolean(found.log) && found.log === known.log)
  );
}

function describe({ log, api, nodeID, why }: FoundNode, same: NodeSettings | undefined): string {
  return [
    same && `Already watched as ${same.name}.`,
    [log && `log ${log}`, api && `API ${api}`, nodeID && `id ${nodeID.slice(0, 12)}…`].filter(Boolean).join(', '),
    why && `(${why})`,
  ]
    .filter(Boolean)
    .join(' ');
}

const getStyles = (theme: GrafanaTheme2) => ({
  modal: css({ width: 'min(720px, calc(100vw - 32px))' }),
  search: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'flex-end',
    gap: theme.spacing(1),
    marginBottom: theme.spacing(2),
    '& > :first-child': { flex: '1 1 320px' },
  }),
  results: css({ minHeight: theme.spacing(8) }),
  list: css({
    listStyle: 'none',
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(1.5),
    overflowWrap: 'anywhere',
  }),
  quiet: css({ color: theme.colors.text.secondary }),
  tried: css({
    marginTop: theme.spacing(2),
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
    ul: { paddingLeft: theme.spacing(3), overflowWrap: 'anywhere' },
  }),
});
