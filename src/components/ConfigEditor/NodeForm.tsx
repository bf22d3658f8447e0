import { css } from '@emotion/css';
import React, { type FormEvent, useId, useState } from 'react';
import { dateTime, type GrafanaTheme2 } from '@grafana/data';
import { ConfigSubSection } from '@grafana/plugin-ui';
import { Alert, Button, Field, IconButton, Input, Modal, RadioButtonGroup, Switch, useStyles2 } from '@grafana/ui';

import { checkFields, type FieldProblems } from '../../backend';
import { type LogSource, logOf, logSourceOf, SATELLITES, tidyNode } from '../../settings';
import { type NodeSettings, type Thresholds } from '../../types';
import { ThresholdSettings } from './ThresholdSettings';

interface Props {
  uid: string;
  /** The node to edit; without one, a new node. */
  node?: NodeSettings;
  otherNames: string[];
  apiPort: number;
  /** What holds for this node where it has no threshold of its own. */
  thresholds: Required<Thresholds>;
  /** Said above the fields. */
  notice?: string;
  onSave: (node: NodeSettings) => void;
  onDismiss: () => void;
}

interface Muted {
  satellite: string;
  reason: string;
}

const SOURCES: Array<{ value: LogSource['kind']; label: string; description: string }> = [
  { value: 'file', label: 'File', description: 'As Grafana’s machine or container sees it.' },
  { value: 'tcp', label: 'TCP forwarder', description: 'A log forwarder on another machine.' },
  { value: 'docker', label: 'Docker container', description: 'What a container writes to its output.' },
  { value: 'none', label: 'None', description: 'The node is watched through its API alone.' },
];

const LOCAL_TIME = 'YYYY-MM-DDTHH:mm';

/** One node's settings. Nothing is changed until they are good and the button is pressed. */
export function NodeForm({ uid, node, otherNames, apiPort, thresholds, notice, onSave, onDismiss }: Props) {
  const styles = useStyles2(getStyles);
  const id = useId();
  const [draft, setDraft] = useState<NodeSettings>(node ?? { name: '' });
  const [muted, setMuted] = useState<Muted[]>(() =>
    Object.entries(node?.mutedSatellites ?? {}).map(([satellite, reason]) => ({ satellite, reason }))
  );
  const [source, setSource] = useState<LogSource>(() => (node ? logSourceOf(node.log) : { kind: 'file', path: '' }));
  const [problems, setProblems] = useState<FieldProblems>({});
  const [checking, setChecking] = useState(false);

  const set = (part: Partial<NodeSettings>) => {
    setDraft({ ...draft, ...part });
    setProblems(Object.fromEntries(Object.entries(problems).filter(([field]) => !(field in part))));
  };
  const setLog = (next: LogSource) => {
    setSource(next);
    set({ log: logOf(next) });
  };
  const setMutedAt = (index: number, part: Partial<Muted>) =>
    setMuted(muted.map((entry, at) => (at === index ? { ...entry, ...part } : entry)));

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    // The dialog lies inside the data source's own form, which Save & test submits.
    event.stopPropagation();
    const wanted = tidyNode({ ...draft, mutedSatellites: asRecord(muted) });
    let found = missing(wanted, source.kind, otherNames);
    if (isEmpty(found)) {
      setChecking(true);
      // Without a back end nothing more can be said here; Save & test will.
      found = await checkFields(uid, wanted, otherNames).catch(() => ({}));
      setChecking(false);
    }
    setProblems(found);
    if (isEmpty(found)) {
      onSave(wanted);
    }
  };

  const special = Boolean(node?.retired || node?.maintenanceUntil || node?.mutedSatellites);

  return (
    <Modal
      title={node ? `Edit ${node.name}` : 'Add a node'}
      isOpen
      onDismiss={onDismiss}
      closeOnBackdropClick={false}
      className={styles.modal}
    >
      <form onSubmit={submit} noValidate>
        {notice && <Alert severity="warning" title={notice} />}
        <Field
          label="Name"
          description="How the node is called in every panel and alert."
          required
          invalid={Boolean(problems.name)}
          error={problems.name}
          htmlFor={`${id}-name`}
        >
          <Input
            id={`${id}-name`}
            autoFocus
            value={draft.name}
            placeholder="My-Node"
            maxLength={100}
            aria-required
            aria-invalid={Boolean(problems.name)}
            onChange={({ currentTarget }) => set({ name: currentTarget.value })}
          />
        </Field>
        <Field label="Log source">
          <RadioButtonGroup
            aria-label="Log source"
            options={SOURCES}
            value={source.kind}
            onChange={(kind) => setLog(emptySource(kind))}
            className={styles.sources}
          />
        </Field>
        {source.kind === 'file' && (
          <Field
            label="Log file"
            description="As Grafana’s machine, or its container, sees it."
            invalid={Boolean(problems.log)}
            error={problems.log}
            htmlFor={`${id}-log`}
          >
            <Input
              id={`${id}-log`}
              value={source.path}
              placeholder="/var/log/storagenode.log"
              aria-invalid={Boolean(problems.log)}
              onChange={({ currentTarget }) => setLog({ kind: 'file', path: currentTarget.value })}
            />
          </Field>
        )}
        {source.kind === 'tcp' && (
          <Field
            label="Forwarder"
            description="host:port of the log forwarder beside the node."
            invalid={Boolean(problems.log)}
            error={problems.log}
            htmlFor={`${id}-log`}
          >
            <Input
              id={`${id}-log`}
              value={source.address}
              placeholder="192.168.1.100:9999"
              aria-invalid={Boolean(problems.log)}
              onChange={({ currentTarget }) => setLog({ kind: 'tcp', address: currentTarget.value })}
            />
          </Field>
        )}
        {source.kind === 'docker' && (
          <div className={styles.docker}>
            <Field
              label="Container"
              description="Its name or id."
              invalid={Boolean(problems.log)}
              error={problems.log}
              htmlFor={`${id}-log`}
            >
              <Input
                id={`${id}-log`}
                value={source.container}
                placeholder="storagenode"
                aria-invalid={Boolean(problems.log)}
                onChange={({ currentTarget }) => setLog({ ...source, container: currentTarget.value })}
              />
            </Field>
            <Field label="Docker daemon" description="Only for another than the default one." htmlFor={`${id}-daemon`}>
              <Input
                id={`${id}-daemon`}
                value={source.daemon}
                placeholder="unix:///var/run/docker.sock"
                onChange={({ currentTarget }) => setLog({ ...source, daemon: currentTarget.value })}
              />
            </Field>
          </div>
        )}
        <Field
          label="API"
          description={`The address of the node’s dashboard. Left empty, it is looked for on port ${apiPort} of the log’s machine.`}
          invalid={Boolean(problems.api)}
          error={problems.api}
          htmlFor={`${id}-api`}
        >
          <Input
            id={`${id}-api`}
            value={draft.api ?? ''}
            placeholder={`http://localhost:${apiPort}`}
            aria-invalid={Boolean(problems.api)}
            onChange={({ currentTarget }) => set({ api: currentTarget.value })}
          />
        </Field>

        <Field
          label="Debug port"
          description="Of nodes that have one open (debug.addr in the node’s configuration). It is never looked for."
          invalid={Boolean(problems.debug)}
          error={problems.debug}
          htmlFor={`${id}-debug`}
        >
          <Input
            id={`${id}-debug`}
            value={draft.debug ?? ''}
            placeholder="http://localhost:5999"
            aria-invalid={Boolean(problems.debug)}
            onChange={({ currentTarget }) => set({ debug: currentTarget.value })}
          />
        </Field>

        <ConfigSubSection
          title="Thresholds of this node"
          description="Only where this node should differ from the data source’s thresholds."
          isCollapsible
          isInitiallyOpen={Boolean(node?.thresholds)}
          className={styles.section}
        >
          <ThresholdSettings
            idPrefix={`${id}-threshold`}
            value={draft.thresholds}
            inherited={thresholds}
            onChange={(value) => set({ thresholds: value })}
          />
        </ConfigSubSection>

        <ConfigSubSection
          title="Quiet times"
          description="Where what this node does should not raise an alarm."
          isCollapsible
          isInitiallyOpen={special}
          className={styles.section}
        >
          <Field
            label="Retired"
            description="Its history stays, nothing about it is a problem any more."
            htmlFor={`${id}-retired`}
          >
            <Switch
              id={`${id}-retired`}
              value={draft.retired ?? false}
              onChange={({ currentTarget }) => set({ retired: currentTarget.checked })}
            />
          </Field>
          <Field label="In maintenance until" description="In this browser’s time zone." htmlFor={`${id}-maintenance`}>
            <Input
              id={`${id}-maintenance`}
              type="datetime-local"
              width={30}
              value={draft.maintenanceUntil ? dateTime(draft.maintenanceUntil).local().format(LOCAL_TIME) : ''}
              onChange={({ currentTarget }) =>
                set({
                  maintenanceUntil: currentTarget.value ? new Date(currentTarget.value).toISOString() : undefined,
                })
              }
            />
          </Field>
          <fieldset className={styles.muted}>
            <legend>Muted satellites</legend>
            <p>Such as one that the node has left. The reason is for whoever looks here next.</p>
            <datalist id={`${id}-satellites`}>
              {SATELLITES.map((satellite) => (
                <option key={satellite} value={satellite} />
              ))}
            </datalist>
            {muted.map(({ satellite, reason }, index) => (
              <div key={index} className={styles.mutedRow}>
                <Input
                  aria-label={`Muted satellite ${index + 1}`}
                  list={`${id}-satellites`}
                  placeholder="us1"
                  width={16}
                  value={satellite}
                  onChange={({ currentTarget }) => setMutedAt(index, { satellite: currentTarget.value })}
                />
                <Input
                  aria-label={`Reason for muting satellite ${index + 1}`}
                  placeholder="Reason"
                  value={reason}
                  onChange={({ currentTarget }) => setMutedAt(index, { reason: currentTarget.value })}
                />
                <IconButton
                  name="trash-alt"
                  tooltip={`Unmute satellite ${index + 1}`}
                  onClick={() => setMuted(muted.filter((_, at) => at !== index))}
                />
              </div>
            ))}
            <Button
              variant="secondary"
              size="sm"
              icon="bell-slash"
              onClick={() => setMuted([...muted, { satellite: '', reason: '' }])}
            >
              Mute a satellite
            </Button>
          </fieldset>
        </ConfigSubSection>

        <div className={styles.footer}>
          <Modal.ButtonRow>
            <Button variant="secondary" fill="outline" onClick={onDismiss}>
              Cancel
            </Button>
            <Button type="submit" disabled={checking} icon={checking ? 'spinner' : undefined}>
              {node ? 'Apply' : 'Add'}
            </Button>
          </Modal.ButtonRow>
        </div>
      </form>
    </Modal>
  );
}

/** What can be said without the back end. */
function missing(
  { name, log, api, debug }: NodeSettings,
  source: LogSource['kind'],
  otherNames: string[]
): FieldProblems {
  const found: FieldProblems = {};
  if (!name) {
    found.name = 'Give the node a name, for example My-Node.';
  } else if (otherNames.includes(name)) {
    found.name = `There is already a node named ${name}. Give each node a name of its own.`;
  } else if (name.includes(':')) {
    found.name = 'A name cannot contain a colon.';
  }
  if (!log && !api) {
    found[source === 'none' ? 'api' : 'log'] = 'Give a log, an API address, or both.';
  } else if (log && /^https?:\/\//i.test(log)) {
    found.log = 'This is the address of an API. It belongs in the field API.';
  } else if (source === 'file' && log && !/^([/.]|[a-z]:[\\/]|\\\\)/i.test(log)) {
    found.log =
      'Write the whole path, as Grafana’s machine has it: it begins with / or, on Windows, with a drive such as C:\\.';
  }
  if (api && !/^https?:\/\//i.test(api)) {
    found.api = 'Begin the address with http:// or https://, as in http://localhost:14002.';
  }
  if (debug && !/^https?:\/\//i.test(debug)) {
    found.debug = 'Begin the address with http:// or https://, as in http://localhost:5999.';
  }
  return found;
}

function emptySource(kind: LogSource['kind']): LogSource {
  switch (kind) {
    case 'none':
      return { kind };
    case 'file':
      return { kind, path: '' };
    case 'tcp':
      return { kind, address: '' };
    case 'docker':
      return { kind, container: '', daemon: '' };
  }
}

function isEmpty(problems: FieldProblems): boolean {
  return Object.keys(problems).length === 0;
}

function asRecord(muted: Muted[]): Record<string, string> {
  return Object.fromEntries(
    muted.map(({ satellite, reason }) => [satellite.trim(), reason.trim()]).filter(([satellite]) => satellite !== '')
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  modal: css({ width: 'min(720px, calc(100vw - 32px))' }),
  sources: css({ flexWrap: 'wrap' }),
  docker: css({
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fit, minmax(min(100%, 260px), 1fr))',
    columnGap: theme.spacing(2),
  }),
  section: css({
    borderTop: `1px solid ${theme.colors.border.weak}`,
    padding: theme.spacing(2, 0),
  }),
  // Within reach however far the form scrolls: over the padding of the dialog's content.
  footer: css({
    position: 'sticky',
    bottom: theme.spacing(-3),
    zIndex: 1,
    margin: theme.spacing(0, -3, -3),
    padding: theme.spacing(0, 3, 2),
    background: theme.colors.background.primary,
  }),
  muted: css({
    legend: { fontSize: theme.typography.bodySmall.fontSize, fontWeight: theme.typography.fontWeightMedium, margin: 0 },
    p: { color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize },
  }),
  mutedRow: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(1),
    marginBottom: theme.spacing(1),
  }),
});
