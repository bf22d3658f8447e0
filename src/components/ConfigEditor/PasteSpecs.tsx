import { css } from '@emotion/css';
import React, { useEffect, useId, useState } from 'react';
import { type GrafanaTheme2 } from '@grafana/data';
import { Alert, Button, Field, Icon, Modal, TextArea, useStyles2 } from '@grafana/ui';

import { errorText, parseSpecs, problemText } from '../../backend';
import { type NodeSettings, type ParsedSpecs, type SpecProblem } from '../../types';

interface Props {
  uid: string;
  existingNames: string[];
  onAdd: (nodes: NodeSettings[]) => void;
  onDismiss: () => void;
}

interface Line {
  number: number;
  text: string;
  node?: NodeSettings;
  problem?: SpecProblem;
}

/** Long enough that not every key asks the back end. */
const TYPING_PAUSE_MS = 300;

const EXAMPLE = `My-Node:/var/log/storagenode.log
Node2:/var/log/node2.log:http://localhost:15002
Remote:192.168.1.100:9999:http://192.168.1.100:14002
Docked:docker://storagenode:http://localhost:14002`;

/** Takes many nodes at once, as the specs of the original's command line, and says what is wrong beside each line. */
export function PasteSpecs({ uid, existingNames, onAdd, onDismiss }: Props) {
  const styles = useStyles2(getStyles);
  const id = useId();
  const [text, setText] = useState('');
  const [read, setRead] = useState<{ text: string; parsed?: ParsedSpecs; error?: string }>({ text: '' });

  useEffect(() => {
    if (text.trim() === '') {
      return;
    }
    let current = true;
    const timer = setTimeout(() => {
      parseSpecs(uid, text, existingNames).then(
        (parsed) => current && setRead({ text, parsed }),
        (error) => current && setRead({ text, error: errorText(error) })
      );
    }, TYPING_PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [uid, text, existingNames]);

  const upToDate = read.text === text && text.trim() !== '';
  const lines = upToDate && read.parsed ? linesOf(text, read.parsed) : [];
  const good = lines.filter((line) => line.node);
  const bad = lines.filter((line) => line.problem);

  const add = () => {
    onAdd(good.map((line) => line.node!));
    if (bad.length === 0) {
      onDismiss();
    } else {
      // What could not be taken stays, to be mended.
      setText(bad.map((line) => line.text).join('\n'));
    }
  };

  return (
    <Modal title="Paste nodes" isOpen onDismiss={onDismiss} closeOnBackdropClick={false} className={styles.modal}>
      <Field
        label="Node specs, one a line"
        description="Name:source or Name:source:API. The source is a log file, host:port of a log forwarder, or docker://container, with @unix:///path or @tcp://host:port behind it for a Docker daemon other than the default one. Lines that begin with # are skipped."
        htmlFor={`${id}-specs`}
      >
        <TextArea
          id={`${id}-specs`}
          autoFocus
          rows={8}
          spellCheck={false}
          className={styles.specs}
          placeholder={EXAMPLE}
          value={text}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
        />
      </Field>

      <div aria-live="polite">
        {upToDate && read.error && (
          <Alert severity="error" title="The lines cannot be read">
            The back end of the plugin does not answer: {read.error}. Nodes can still be added one by one.
          </Alert>
        )}
        {lines.length > 0 && (
          <ol className={styles.lines} aria-label="What was read">
            {lines.map((line) => (
              <li key={line.number} className={styles.line}>
                <span className={styles.number}>{line.number}</span>
                {line.problem ? (
                  <span className={styles.bad} role="img" aria-label="Cannot be added">
                    <Icon name="times-circle" />
                  </span>
                ) : (
                  <span className={styles.good} role="img" aria-label="Can be added">
                    <Icon name="check-circle" />
                  </span>
                )}
                <div className={styles.words}>
                  {line.problem ? (
                    <>
                      <code>{line.text.trim()}</code>
                      <div className={styles.bad}>
                        {fieldWords(line.problem.field)}: {problemText(line.problem)}
                      </div>
                    </>
                  ) : (
                    <>
                      <strong>{line.node?.name}</strong>{' '}
                      <span className={styles.quiet}>
                        {[line.node?.log && `log ${line.node.log}`, line.node?.api && `API ${line.node.api}`]
                          .filter(Boolean)
                          .join(', ')}
                      </span>
                    </>
                  )}
                </div>
              </li>
            ))}
          </ol>
        )}
      </div>

      <Modal.ButtonRow>
        <Button variant="secondary" fill="outline" onClick={onDismiss}>
          {bad.length > 0 && good.length === 0 ? 'Close' : 'Cancel'}
        </Button>
        <Button disabled={good.length === 0} onClick={add}>
          {good.length === 0 ? 'Add' : `Add ${good.length} ${good.length === 1 ? 'node' : 'nodes'}`}
        </Button>
      </Modal.ButtonRow>
    </Modal>
  );
}

function fieldWords(field: string): string {
  return field === 'api' ? 'API' : field.charAt(0).toUpperCase() + field.slice(1);
}

/** Puts each node and each problem beside its line. Blank lines and comments have neither. */
function linesOf(text: string, { nodes, problems }: ParsedSpecs): Line[] {
  const problemAt = new Map(problems.map((problem) => [problem.line, problem]));
  const left = [...nodes];
  const lines: Line[] = [];
  text.split(/\r\n|\r|\n/).forEach((line, index) => {
    const number = index + 1;
    const problem = problemAt.get(number);
    if (problem) {
      lines.push({ number, text: line, problem });
    } else if (!isSkipped(line) && left.length > 0) {
      lines.push({ number, text: line, node: left.shift() });
    }
  });
  return lines;
}

function isSkipped(line: string): boolean {
  const bare = line.replace(/^\uFEFF/, '').trim();
  return bare === '' || bare.startsWith('#');
}

const getStyles = (theme: GrafanaTheme2) => ({
  modal: css({ width: 'min(820px, calc(100vw - 32px))' }),
  specs: css({ fontFamily: theme.typography.fontFamilyMonospace, fontSize: theme.typography.bodySmall.fontSize }),
  lines: css({ listStyle: 'none', margin: 0, display: 'flex', flexDirection: 'column', gap: theme.spacing(0.75) }),
  line: css({ display: 'flex', gap: theme.spacing(1), alignItems: 'flex-start' }),
  number: css({
    minWidth: '2ch',
    textAlign: 'right',
    color: theme.colors.text.secondary,
    fontVariantNumeric: 'tabular-nums',
  }),
  words: css({ minWidth: 0, overflowWrap: 'anywhere' }),
  quiet: css({ color: theme.colors.text.secondary }),
  good: css({ color: theme.colors.success.text }),
  bad: css({ color: theme.colors.error.text }),
});
